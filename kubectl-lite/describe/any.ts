import type { AnyObject } from '../../api/kind-info.ts';
import { type Outline, pairs } from './outline.ts';

/** A kind without a form of its own: its metadata, and every field under its name. */
export function describeAny(outline: Outline, object: AnyObject): void {
  const { metadata, apiVersion, kind, ...fields } = object;
  outline.field('Name', metadata.name);
  if (metadata.namespace !== undefined) outline.field('Namespace', metadata.namespace);
  outline.field('Labels', pairs(metadata.labels));
  outline.field('Annotations', pairs(metadata.annotations, ': '));
  outline.field('API Version', apiVersion).field('Kind', kind);
  outline.heading('Metadata').field('Creation Timestamp', metadata.creationTimestamp, 1);
  outline.field('Resource Version', metadata.resourceVersion, 1).field('UID', metadata.uid, 1);
  for (const [name, value] of Object.entries(fields)) describeValue(outline, titleOf(name), value, 0);
}

function describeValue(outline: Outline, label: string, value: unknown, level: number): void {
  if (typeof value !== 'object' || value === null) {
    outline.field(label, String(value), level);
    return;
  }
  outline.heading(label, level);
  const entries = Array.isArray(value) ? value.map((item) => ['-', item] as const) : Object.entries(value);
  for (const [name, inner] of entries)
    describeValue(outline, Array.isArray(value) ? '-' : titleOf(name), inner, level + 1);
}

/** `podCIDR` -> `Pod CIDR` */
function titleOf(name: string): string {
  const spaced = name.replace(/([a-z0-9])([A-Z])/g, '$1 $2');
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}
