import type { LimitRange, LimitRangeItem, Namespace, ResourceQuota } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { annotationLines, type Outline, pairs } from './outline.ts';
import type { Related } from './registry.ts';

export function describeNamespace(outline: Outline, object: AnyObject, related: Related): void {
  const { metadata, status } = object as AnyObject & Namespace;
  outline.field('Name', metadata.name).field('Labels', pairs(metadata.labels));
  outline.field('Annotations', annotationLines(metadata.annotations)).field('Status', status?.phase);
  outline.row([''], 0);
  describeQuotas(outline, related.quotas as readonly (AnyObject & ResourceQuota)[]);
  outline.row([''], 0);
  describeLimits(outline, related.limitRanges as readonly (AnyObject & LimitRange)[]);
}

function describeQuotas(outline: Outline, quotas: readonly ResourceQuota[]): void {
  if (quotas.length === 0) {
    outline.row(['No resource quota.'], 0);
    return;
  }
  outline.row(['Resource Quotas'], 0);
  for (const { metadata, spec, status } of quotas) {
    outline.row(['Name:', metadata.name]);
    if ((spec?.scopes ?? []).length > 0) outline.row(['Scopes:', (spec?.scopes ?? []).join(', ')]);
    outline.row(['Resource', 'Used', 'Hard']).row(['--------', '---', '---']);
    const { hard = {}, used = {} } = status ?? {};
    for (const name of Object.keys(hard).sort())
      outline.row([name, String(used[name] ?? '0'), String(hard[name])]);
  }
}

const limitColumns = ['min', 'max', 'defaultRequest', 'default', 'maxLimitRequestRatio'] as const;
const limitTitles = [
  ...['Type', 'Resource', 'Min', 'Max', 'Default Request', 'Default Limit', 'Max Limit/Request Ratio'],
];

function describeLimits(outline: Outline, ranges: readonly LimitRange[]): void {
  if (ranges.length === 0) {
    outline.row(['No LimitRange resource.'], 0);
    return;
  }
  outline.row(['Resource Limits'], 0);
  const rows = [limitTitles, limitTitles.map((title) => '-'.repeat(title.length))];
  for (const { spec } of ranges) for (const item of spec?.limits ?? []) rows.push(...limitRows(item));
  for (const [first = '', ...more] of rows) outline.row([` ${first}`, ...more], 0);
}

function limitRows(item: LimitRangeItem): string[][] {
  const resources = new Set(limitColumns.flatMap((column) => Object.keys(item[column] ?? {})));
  return [...resources]
    .sort()
    .map((resource) => [
      ...[item.type, resource],
      ...limitColumns.map((column) => String(item[column]?.[resource] ?? '-')),
    ]);
}
