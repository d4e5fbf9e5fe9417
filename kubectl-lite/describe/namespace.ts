import type { Namespace } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { annotationLines, type Outline, pairs } from './outline.ts';

export function describeNamespace(outline: Outline, object: AnyObject): void {
  const { metadata, status } = object as AnyObject & Namespace;
  outline.field('Name', metadata.name).field('Labels', pairs(metadata.labels));
  outline.field('Annotations', annotationLines(metadata.annotations)).field('Status', status?.phase);
  for (const text of ['', 'No resource quota.', '', 'No LimitRange resource.']) outline.row([text], 0);
}
