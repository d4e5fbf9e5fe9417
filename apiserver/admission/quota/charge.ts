import type { Pod, ResourceQuota } from '../../../api/generated/core-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { formatQuantity } from '../../../api/quantity.ts';
import { coveredNames, isInScope, missingAmounts, usageOf } from '../../../api/quota-usage.ts';
import {
  addResourceLists,
  exceededNames,
  increaseOf,
  maskResourceList,
  parseResourceList,
  type ResourceList,
} from '../../../api/resource-list.ts';
import { type AdmissionAttributes, refusal } from '../admission.ts';

/** A quota as it is known, with its amounts read. */
export interface QuotaState {
  readonly key: string;
  readonly version: number;
  readonly quota: ResourceQuota & AnyObject;
  readonly hard: ResourceList;
  readonly used: ResourceList;
}

export function toQuotaState(key: string, version: number, quota: ResourceQuota & AnyObject): QuotaState {
  const { hard, used } = quota.status ?? {};
  return { key, version, quota, hard: parseResourceList(hard), used: parseResourceList(used) };
}

/** Requests that change what an object counts. */
export function isCounted({ operation, strategy, subresource, namespace }: AdmissionAttributes): boolean {
  if (namespace === '') return false;
  switch (strategy.resource) {
    case '/pods':
      return subresource === '' ? operation === 'CREATE' : subresource === 'resize' && operation === 'UPDATE';
    case '/services':
    case '/persistentvolumeclaims':
      return subresource === '' && (operation === 'CREATE' || operation === 'UPDATE');
    default:
      return subresource === '' && operation === 'CREATE';
  }
}

/**
 * Pure: the states of those quotas that the request changes. None: nothing is counted.
 * @throws StatusError 403 when one of them has no room, or does not know what is used
 */
export function charge(
  attributes: AdmissionAttributes,
  states: readonly QuotaState[],
  nowMs: number,
): QuotaState[] {
  const { strategy, object, previous } = attributes;
  if (object === undefined) return [];
  const { resource } = strategy;
  const concerned = states.filter((state) => concerns(attributes, state));
  if (concerned.length === 0) return [];
  const usage = usageOf(resource, object, nowMs);
  const negative = [...usage].filter(([, { nanos }]) => nanos < 0n).map(([name]) => name);
  if (negative.length > 0)
    throw refusal(attributes, `quota usage is negative for resource(s): ${negative.sort().join(',')}`);
  const nothing: ResourceList = new Map();
  return concerned.flatMap((state) => {
    const counted = previous !== undefined && isInScope(state.quota.spec, resource, previous);
    const more = increaseOf(usage, counted ? usageOf(resource, previous, nowMs) : nothing);
    const asked = maskResourceList(more, state.hard.keys());
    return asked.size === 0 ? [] : [take(attributes, state, asked)];
  });
}

/** @throws StatusError 403 when the object does not say what the quota counts, or the quota was never counted */
function concerns(attributes: AdmissionAttributes, { quota, hard, used }: QuotaState): boolean {
  const { strategy, object } = attributes;
  if (object === undefined) return false;
  const names = coveredNames(strategy.resource, hard.keys());
  if (names.length === 0 || !isInScope(quota.spec, strategy.resource, object)) return false;
  const missing =
    strategy.resource === '/pods' ? missingAmounts(names, object as Pod & AnyObject) : undefined;
  if (missing !== undefined) throw refusal(attributes, `failed quota: ${quota.metadata.name}: ${missing}`);
  if (names.some((name) => !used.has(name)))
    throw refusal(
      attributes,
      `status unknown for quota: ${quota.metadata.name}, resources: ${names.sort().join(',')}`,
    );
  return true;
}

function take(attributes: AdmissionAttributes, state: QuotaState, asked: ResourceList): QuotaState {
  const used = addResourceLists(state.used, asked);
  const exceeded = exceededNames(maskResourceList(used, asked.keys()), state.hard);
  if (exceeded.length === 0) return { ...state, used };
  const shown = (list: ResourceList): string =>
    [...maskResourceList(list, exceeded)]
      .map(([name, amount]) => `${name}=${formatQuantity(amount)}`)
      .join(',');
  throw refusal(
    attributes,
    `exceeded quota: ${state.quota.metadata.name}, requested: ${shown(asked)}, used: ${shown(state.used)}, limited: ${shown(state.hard)}`,
  );
}
