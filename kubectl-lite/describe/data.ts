import type { ConfigMap, Secret } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { annotationLines, type Outline, pairs } from './outline.ts';

function describeHead(outline: Outline, { metadata }: AnyObject): void {
  outline.field('Name', metadata.name).field('Namespace', metadata.namespace);
  outline.field('Labels', pairs(metadata.labels)).field('Annotations', annotationLines(metadata.annotations));
}

export function describeConfigMap(outline: Outline, object: AnyObject): void {
  describeHead(outline, object);
  const { data = {}, binaryData = {} } = object as AnyObject & ConfigMap;
  for (const text of ['', 'Data', '====']) outline.row([text], 0);
  for (const [key, value] of sortedEntries(data))
    for (const text of [`${key}:`, '----', value, '']) outline.row([text], 0);
  for (const text of ['', 'BinaryData', '====']) outline.row([text], 0);
  for (const [key, value] of sortedEntries(binaryData))
    outline.row([`${key}: ${Buffer.from(value, 'base64').length} bytes`], 0);
  outline.row([''], 0);
}

/** Values of secrets are not shown, only how long they are. */
export function describeSecret(outline: Outline, object: AnyObject): void {
  describeHead(outline, object);
  const { data = {}, type } = object as AnyObject & Secret;
  outline.row([''], 0).field('Type', type);
  for (const text of ['', 'Data', '====']) outline.row([text], 0);
  for (const [key, value] of sortedEntries(data))
    outline.field(key, `${Buffer.from(value, 'base64').length} bytes`);
}

function sortedEntries(data: Readonly<Record<string, string>>): [string, string][] {
  return Object.entries(data).sort(([a], [b]) => (a < b ? -1 : 1));
}
