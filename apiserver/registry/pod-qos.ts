import type { PodSpec } from '../../api/generated/core-v1.ts';
import { parseQuantity } from '../../api/quantity.ts';

const counted = ['cpu', 'memory'];

type Lists = readonly (Readonly<Record<string, string>> | undefined)[];

/** Sums by resource, of cpu and memory that are more than nothing. */
function sum(lists: Lists): Map<string, bigint> {
  const sums = new Map<string, bigint>();
  for (const list of lists)
    for (const name of counted) {
      const text = list?.[name];
      const nanos = text === undefined ? 0n : parseQuantity(text).nanos;
      if (nanos > 0n) sums.set(name, (sums.get(name) ?? 0n) + nanos);
    }
  return sums;
}

/** BestEffort: asks for nothing; Guaranteed: every container's limits are set and requested; Burstable: the rest. */
export function qosClassOf(spec: PodSpec): string {
  const resources =
    spec.resources?.requests !== undefined || spec.resources?.limits !== undefined
      ? [spec.resources]
      : [...(spec.containers ?? []), ...(spec.initContainers ?? [])].map((container) => container.resources);
  const requests = sum(resources.map((resource) => resource?.requests));
  const limits = sum(resources.map((resource) => resource?.limits));
  if (requests.size === 0 && limits.size === 0) return 'BestEffort';
  const everyLimited = resources.every((resource) => sum([resource?.limits]).size === counted.length);
  const equal = counted.every((name) => requests.get(name) === limits.get(name));
  return everyLimited && equal && requests.size === counted.length ? 'Guaranteed' : 'Burstable';
}
