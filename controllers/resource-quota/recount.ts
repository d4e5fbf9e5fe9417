import type { ResourceQuota } from '../../api/generated/core-v1.ts';
import type { AnyObject, ApiObject } from '../../api/kind-info.ts';
import { isInScope, usageOf } from '../../api/quota-usage.ts';
import {
  addResourceLists,
  formatResourceList,
  maskResourceList,
  parseResourceList,
  type ResourceList,
} from '../../api/resource-list.ts';
import { type CountedNames, storageResource } from './counted-kinds.ts';

/** What there is of one kind in the quota's namespace: the objects, or only how many where that is enough. */
export type Present = readonly ApiObject[] | number;

/** Pure: the status of a quota when `present` is all there is of each kind that it is about. */
export function recount(
  quota: ResourceQuota,
  present: ReadonlyMap<CountedNames, Present>,
  nowMs: number,
): { readonly hard: Record<string, string>; readonly used: Record<string, string> } {
  const { spec } = quota;
  const hard = spec.hard ?? {};
  const used = new Map<string, string>();
  for (const [counted, objects] of present) {
    const zeros = parseResourceList(Object.fromEntries(counted.names.map((name) => [name, '0'])));
    const sum =
      typeof objects === 'number' ? times(counted.names, objects) : measure(quota, counted, objects, nowMs);
    const own = maskResourceList(addResourceLists(zeros, sum), counted.names);
    for (const [name, text] of Object.entries(formatResourceList(own))) used.set(name, text);
  }
  return { hard: { ...hard }, used: Object.fromEntries(used) };
}

const times = (names: readonly string[], count: number): ResourceList =>
  parseResourceList(Object.fromEntries(names.map((name) => [name, String(count)])));

function measure(
  { spec }: ResourceQuota,
  { kind, names }: CountedNames,
  objects: readonly ApiObject[],
  nowMs: number,
): ResourceList {
  const resource = storageResource(kind);
  let sum: ResourceList = new Map();
  for (const object of objects) {
    const own: AnyObject = { ...object };
    if (isInScope(spec, resource, own))
      sum = addResourceLists(sum, maskResourceList(usageOf(resource, own, nowMs), names));
  }
  return sum;
}
