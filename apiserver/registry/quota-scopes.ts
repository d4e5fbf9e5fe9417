import type { ResourceQuotaSpec, ScopedResourceSelectorRequirement } from '../../api/generated/core-v1.ts';
import { invalid, required } from './field-error.ts';
import type { FieldError } from './strategy.ts';

const podCounts: ReadonlySet<string> = new Set(['pods']);
const podAmounts: ReadonlySet<string> = new Set([
  ...['cpu', 'memory', 'limits.cpu', 'limits.memory', 'requests.cpu', 'requests.memory', 'pods'],
]);
const claimAmounts: ReadonlySet<string> = new Set(['persistentvolumeclaims', 'requests.storage']);

/** What a quota can limit by name alone; every other name says whose it is. */
const standardNames: ReadonlySet<string> = new Set([
  ...[...podAmounts, ...claimAmounts, 'ephemeral-storage', 'requests.ephemeral-storage'],
  ...['limits.ephemeral-storage', 'resourcequotas', 'services', 'replicationcontrollers', 'secrets'],
  ...['configmaps', 'services.nodeports', 'services.loadbalancers'],
]);
const isHugePages = (name: string): boolean =>
  name.startsWith('hugepages-') || name.startsWith('requests.hugepages-');

/** By scope: what it can be about. */
const namesOfScope: ReadonlyMap<string, ReadonlySet<string>> = new Map([
  ...['Terminating', 'NotTerminating', 'NotBestEffort', 'PriorityClass', 'CrossNamespacePodAffinity'].map(
    (scope) => [scope, podAmounts] as const,
  ),
  ['BestEffort', podCounts],
  ['VolumeAttributesClass', claimAmounts],
]);
const withoutValues: ReadonlySet<string> = new Set([
  ...['BestEffort', 'NotBestEffort', 'Terminating', 'NotTerminating', 'CrossNamespacePodAffinity'],
]);
const conflicting: readonly (readonly [string, string])[] = [
  ['BestEffort', 'NotBestEffort'],
  ['Terminating', 'NotTerminating'],
];

/** A name without a group that is none of a quota's. */
export function validateQuotaName(name: string, field: string): FieldError[] {
  return name.includes('/') || standardNames.has(name) || isHugePages(name)
    ? []
    : [invalid(field, name, 'must be a standard resource for quotas')];
}

/** Scopes and scope selector of a ResourceQuota. @param field of the spec */
export function validateQuotaScopes(spec: ResourceQuotaSpec, field: string): FieldError[] {
  const { scopes = [], scopeSelector } = spec;
  const names = Object.keys(spec.hard ?? {}).sort();
  const at = `${field}.scopes`;
  const errors = scopes.flatMap((scope) => [
    ...(namesOfScope.has(scope) ? [] : [invalid(at, scopes, 'unsupported scope')]),
    ...inapplicable(scope, names).map(() => invalid(at, scopes, 'unsupported scope applied to resource')),
  ]);
  errors.push(...conflictsOf(scopes).map(() => invalid(at, scopes, 'conflicting scopes')));
  if (scopeSelector === undefined) return errors;
  const selectorAt = `${field}.scopeSelector.matchExpressions`;
  const requirements = scopeSelector.matchExpressions ?? [];
  for (const requirement of requirements) {
    const { scopeName } = requirement;
    if (!namesOfScope.has(scopeName))
      errors.push(invalid(`${selectorAt}.scopeName`, scopeName, 'unsupported scope'));
    for (const _name of inapplicable(scopeName, names))
      errors.push(invalid(selectorAt, scopeSelector, 'unsupported scope applied to resource'));
    errors.push(...validateRequirement(requirement, selectorAt));
  }
  const selected = requirements.map(({ scopeName }) => scopeName);
  errors.push(...conflictsOf(selected).map(() => invalid(selectorAt, scopes, 'conflicting scopes')));
  return errors;
}

/** Those of `names` that are a quota's own and that the scope says nothing about. */
function inapplicable(scope: string, names: readonly string[]): string[] {
  const about = namesOfScope.get(scope);
  if (about === undefined) return [];
  return names.filter((name) => (standardNames.has(name) || isHugePages(name)) && !about.has(name));
}

const conflictsOf = (scopes: readonly string[]): readonly unknown[] =>
  conflicting.filter((pair) => pair.every((scope) => scopes.includes(scope)));

function validateRequirement(
  { scopeName, operator, values = [] }: ScopedResourceSelectorRequirement,
  at: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (withoutValues.has(scopeName) && operator !== 'Exists')
    errors.push(
      invalid(
        `${at}.operator`,
        operator,
        "must be 'Exist' when scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or ResourceQuotaScopeCrossNamespacePodAffinity",
      ),
    );
  switch (operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        errors.push(
          required(
            `${at}.values`,
            "must be at least one value when `operator` is 'In' or 'NotIn' for scope selector",
          ),
        );
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        errors.push(
          invalid(
            `${at}.values`,
            values,
            "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope selector",
          ),
        );
      break;
    default:
      errors.push(invalid(`${at}.operator`, operator, 'not a valid selector operator'));
  }
  return errors;
}

/** Scopes stay as they are. */
export function validateQuotaUpdate(
  next: ResourceQuotaSpec | undefined,
  previous: ResourceQuotaSpec | undefined,
): FieldError[] {
  const textOf = (spec: ResourceQuotaSpec | undefined): string =>
    [...new Set(spec?.scopes ?? [])].sort().join();
  return textOf(next) === textOf(previous)
    ? []
    : [invalid('spec.scopes', next?.scopes ?? null, 'field is immutable')];
}
