import type { Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.ts';
import { ownConditions, passingConditions } from './pod-conditions.ts';

/** Fields of a pod's status that its node writes. */
const ownFields = [
  'observedGeneration',
  'phase',
  'reason',
  'message',
  'hostIP',
  'podIP',
  'startTime',
  'initContainerStatuses',
  'containerStatuses',
  'ephemeralContainerStatuses',
  'qosClass',
] as const;

/**
 * The strategic merge patch from what the API has to `wanted`; undefined when there is nothing to write. Conditions of
 * other writers stay: the list is merged by type. An address that is not the pod's or its node's any more is deleted by name.
 */
export function statusPatch(current: Pod, wanted: PodStatus): Record<string, unknown> | undefined {
  const known = current.status ?? {};
  const patch: Record<string, unknown> = {};
  for (const field of ownFields)
    if (canonical(known[field]) !== canonical(wanted[field])) patch[field] = wanted[field] ?? null;
  const conditions = changedConditions(known.conditions ?? [], wanted.conditions ?? []);
  if (conditions.length > 0) patch['conditions'] = conditions;
  for (const field of ['hostIPs', 'podIPs'] as const)
    if (canonical(known[field]) !== canonical(wanted[field]))
      patch[field] = changedAddresses(known[field] ?? [], wanted[field] ?? []);
  return Object.keys(patch).length === 0 ? undefined : patch;
}

type Addresses = readonly { readonly ip?: string }[];

/** The list is merged by address. */
export function changedAddresses(known: Addresses, wanted: Addresses): object[] {
  const gone = known.filter(({ ip }) => !wanted.some((other) => other.ip === ip));
  return [...wanted, ...gone.map(({ ip }) => ({ $patch: 'delete', ip }))];
}

/** A reason or message that is no longer so is cleared. */
function changedConditions(known: readonly PodCondition[], wanted: readonly PodCondition[]): object[] {
  const own = new Set<string>([...ownConditions, ...passingConditions]);
  const over = passingConditions.filter(
    (type) => known.some((one) => one.type === type) && !wanted.some((one) => one.type === type),
  );
  const changed = wanted
    .filter(({ type }) => own.has(type))
    .flatMap((condition) => {
      const earlier = known.find(({ type }) => type === condition.type);
      if (earlier !== undefined && sameCondition(earlier, condition)) return [];
      const cleared = {
        ...(earlier?.reason !== undefined && condition.reason === undefined ? { reason: null } : {}),
        ...(earlier?.message !== undefined && condition.message === undefined ? { message: null } : {}),
      };
      return [{ ...condition, ...cleared }];
    });
  return [...changed, ...over.map((type) => ({ $patch: 'delete', type }))];
}

function sameCondition(left: PodCondition, right: PodCondition): boolean {
  const relevant = ({ status, reason, message, observedGeneration }: PodCondition): string =>
    canonical({ status, reason, message, observedGeneration });
  return relevant(left) === relevant(right);
}

/** JSON with sorted keys, without what is undefined, null or empty: equal values give equal text. */
export function canonical(value: unknown): string {
  return JSON.stringify(simplify(value)) ?? '';
}

function simplify(value: unknown): unknown {
  if (Array.isArray(value)) return value.length === 0 ? undefined : value.map(simplify);
  if (typeof value !== 'object' || value === null) return value ?? undefined;
  const entries = Object.entries(value)
    .map(([key, field]) => [key, simplify(field)] as const)
    .filter(([, field]) => field !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1));
  return entries.length === 0 ? undefined : Object.fromEntries(entries);
}
