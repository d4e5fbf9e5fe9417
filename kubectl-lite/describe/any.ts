import type { AnyObject } from '../../api/kind-info.ts';
import { annotationLines, type Outline, pairs } from './outline.ts';

/** What stands above the fields, or is of no use to a reader. */
const shownAbove: ReadonlySet<string> = new Set(
  ['annotations', 'labels', 'managedFields', 'name', 'namespace'].map((field) => `.metadata.${field}`),
);
const acronyms: ReadonlySet<string> = new Set(['api', 'url', 'uid', 'osb', 'guid']);

/** A kind without a form of its own: its metadata, and every field under its name, in the order of the alphabet. */
export function describeAny(outline: Outline, object: AnyObject): void {
  const { metadata } = object;
  outline.field('Name', metadata.name).row(['Namespace:', metadata.namespace ?? ''], 0);
  outline.field('Labels', pairs(metadata.labels)).field('Annotations', annotationLines(metadata.annotations));
  describeFields(outline, object, 0, '');
}

function describeFields(outline: Outline, fields: object, level: number, path: string): void {
  for (const [name, value] of Object.entries(fields).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const place = `${path}.${name}`;
    if (shownAbove.has(place)) continue;
    if (typeof value !== 'object' || value === null) {
      outline.row([`${titleOf(name)}:`, value === null ? '<nil>' : String(value)], level);
      continue;
    }
    outline.heading(titleOf(name), level);
    if (!Array.isArray(value)) describeFields(outline, value, level + 1, place);
    else
      for (const item of value) {
        if (typeof item === 'object' && item !== null) describeFields(outline, item, level + 1, place);
        else outline.row([String(item)], level + 1);
      }
  }
}

/** `podCIDR` -> `Pod Cidr`; names that are somebody's own, such as label keys, stay as they are. */
function titleOf(name: string): string {
  if (!/^[\w-]+$/.test(name)) return name;
  const words = name.match(/[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^A-Za-z\d]+/g) ?? [name];
  return words
    .map((word) =>
      acronyms.has(word.toLowerCase())
        ? word.toUpperCase()
        : word.charAt(0).toUpperCase() + word.slice(1).toLowerCase(),
    )
    .join(' ');
}
