import type { ResourceRequirements } from '../../api/generated/core-v1.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';
import { invalid, required } from './field-error.ts';
import { qualifiedNameProblems } from './names.ts';
import { notNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

const standardContainerResources = new Set(['cpu', 'memory', 'ephemeral-storage']);
const standardResources = new Set([
  ...standardContainerResources,
  'requests.cpu',
  'requests.memory',
  'requests.ephemeral-storage',
  'limits.cpu',
  'limits.memory',
  'limits.ephemeral-storage',
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'storage',
  'requests.storage',
  'services.nodeports',
  'services.loadbalancers',
]);
const countedResources = new Set([
  'pods',
  'resourcequotas',
  'services',
  'replicationcontrollers',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
  'services.nodeports',
  'services.loadbalancers',
]);

const isHugePages = (name: string): boolean => name.startsWith('hugepages-');
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');
/** Counted things that are never shared: devices and the like. */
export const isExtendedResource = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && qualifiedNameProblems(`requests.${name}`).length === 0;
const isOvercommitAllowed = (name: string): boolean => isNative(name) && !isHugePages(name);

/** A resource name anywhere: in quotas, on nodes. */
export function validateResourceName(name: string, field: string): FieldError[] {
  const problems = qualifiedNameProblems(name);
  if (problems.length > 0) return problems.map((problem) => invalid(field, name, problem));
  return !name.includes('/') &&
    !standardResources.has(name) &&
    !isHugePages(name) &&
    !name.startsWith('count/')
    ? [invalid(field, name, 'must be a standard resource type or fully qualified')]
    : [];
}

function validateContainerResourceName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field);
  if (!name.includes('/')) {
    if (!standardContainerResources.has(name) && !isHugePages(name))
      errors.push(invalid(field, name, 'must be a standard resource for containers'));
  } else if (!isNative(name) && !isExtendedResource(name))
    errors.push(invalid(field, name, "doesn't follow extended resource name standard"));
  return errors;
}

export function validateResourceAmount(name: string, amount: string, field: string): FieldError[] {
  const { nanos } = parseQuantity(amount);
  const errors: FieldError[] = [];
  if (nanos < 0n) errors.push(invalid(field, amount, notNegative));
  const isInteger = nanos % 1_000_000_000n === 0n;
  if ((countedResources.has(name) || isExtendedResource(name) || isHugePages(name)) && !isInteger)
    errors.push(invalid(field, amount, 'must be an integer'));
  return errors;
}

export function validateResources(resources: ResourceRequirements | undefined, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const limits = new Map(Object.entries(resources?.limits ?? {}));
  for (const [name, amount] of limits) {
    const path = `${field}.limits[${name}]`;
    errors.push(...validateContainerResourceName(name, path), ...validateResourceAmount(name, amount, path));
  }
  for (const [name, amount] of Object.entries(resources?.requests ?? {})) {
    const path = `${field}.requests[${name}]`;
    errors.push(...validateContainerResourceName(name, path), ...validateResourceAmount(name, amount, path));
    errors.push(...validateAgainstLimit({ name, amount, limit: limits.get(name) }, field));
  }
  return errors;
}

function validateAgainstLimit(
  request: { readonly name: string; readonly amount: string; readonly limit: string | undefined },
  field: string,
): FieldError[] {
  const { name, amount, limit } = request;
  if (limit === undefined)
    return isOvercommitAllowed(name)
      ? []
      : [required(`${field}.limits`, 'Limit must be set for non overcommitable resources')];
  const order = compareQuantities(parseQuantity(amount), parseQuantity(limit));
  if (order !== 0 && !isOvercommitAllowed(name))
    return [invalid(`${field}.requests`, amount, `must be equal to ${name} limit of ${limit}`)];
  return order > 0
    ? [invalid(`${field}.requests`, amount, `must be less than or equal to ${name} limit of ${limit}`)]
    : [];
}
