import type {
  Container,
  EphemeralContainer,
  PodSpec,
  ResourceRequirements,
} from '../../api/generated/core-v1.ts';
import { compareQuantities, formatQuantity, parseQuantity } from '../../api/quantity.ts';
import { podResourceList } from '../../api/resource-list.ts';
import { duplicate, forbidden, invalid, notFoundValue, required, unsupported } from './field-error.ts';
import { dnsLabelProblems, qualifiedNameProblems } from './names.ts';
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
export const isOvercommitAllowed = (name: string): boolean => isNative(name) && !isHugePages(name);

/** What a list says of a name, and not what every object has under it (`constructor`). */
export const amountOf = (
  list: Readonly<Record<string, string>> | undefined,
  name: string,
): string | undefined => (list !== undefined && Object.hasOwn(list, name) ? list[name] : undefined);

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

export function validateContainerResourceName(name: string, field: string): FieldError[] {
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

export function validateResources(
  resources: ResourceRequirements | undefined,
  field: string,
  validateName: (name: string, field: string) => FieldError[] = validateContainerResourceName,
): FieldError[] {
  if (resources === undefined) return [];
  const errors: FieldError[] = [];
  const limits = new Map(Object.entries(resources.limits ?? {}));
  for (const [name, amount] of limits) {
    const path = `${field}.limits[${name}]`;
    errors.push(...validateName(name, path), ...validateResourceAmount(name, amount, path));
    errors.push(...validateHugePages(name, amount, path));
  }
  for (const [name, amount] of Object.entries(resources.requests ?? {})) {
    const path = `${field}.requests[${name}]`;
    errors.push(...validateName(name, path), ...validateResourceAmount(name, amount, path));
    errors.push(...validateHugePages(name, amount, path));
    errors.push(...validateAgainstLimit({ name, amount, limit: limits.get(name) }, field));
  }
  const names = [...limits.keys(), ...Object.keys(resources.requests ?? {})];
  if (names.some(isHugePages) && !names.includes('cpu') && !names.includes('memory'))
    errors.push(forbidden(field, 'HugePages require cpu or memory'));
  return errors;
}

/** An amount of pages of a size is a multiple of that size. */
function validateHugePages(name: string, amount: string, field: string): FieldError[] {
  if (!isHugePages(name) || !/^hugepages-\d/.test(name)) return [];
  const size = parseQuantity(name.slice('hugepages-'.length)).nanos;
  return size > 0n && parseQuantity(amount).nanos % size === 0n
    ? []
    : [invalid(field, amount, `${amount} is not positive integer multiple of ${name}`)];
}

function validatePodResourceName(name: string, field: string): FieldError[] {
  const errors = validateResourceName(name, field);
  if (errors.length > 0) return errors;
  return name === 'cpu' || name === 'memory' || isHugePages(name)
    ? []
    : [unsupported(field, name, ['cpu', 'memory'])];
}

/** What a pod asks for as a whole covers its containers, of which none may have more. */
export function validatePodResources(spec: PodSpec, field: string): FieldError[] {
  const { resources } = spec;
  if (resources === undefined) return [];
  const errors: FieldError[] = [];
  if (resources.claims !== undefined)
    errors.push(forbidden(`${field}.claims`, 'claims cannot be set for Resources at pod-level'));
  errors.push(...validateResources(resources, field, validatePodResourceName));
  for (const [name, needed] of podResourceList({ ...spec, resources: undefined }, 'requests')) {
    const given = amountOf(resources.requests, name);
    if (given !== undefined && compareQuantities(needed, parseQuantity(given)) > 0)
      errors.push(
        invalid(
          `${field}.requests[${name}]`,
          given,
          `must be greater than or equal to aggregate container requests of ${formatQuantity(needed)}`,
        ),
      );
  }
  for (const [index, container] of (spec.containers ?? []).entries())
    for (const [name, amount] of Object.entries(container.resources?.limits ?? {})) {
      const limit = amountOf(resources.limits, name);
      if (limit !== undefined && compareQuantities(parseQuantity(amount), parseQuantity(limit)) > 0)
        errors.push(
          invalid(
            `${field}.containers[${index}][${name}].limits`,
            amount,
            `must be less than or equal to pod limits of ${limit}`,
          ),
        );
    }
  return errors;
}

/** Claims that containers use are claims of their pod. */
export function validateClaimUses(spec: PodSpec, field: string): FieldError[] {
  const known = (spec.resourceClaims ?? []).map(({ name }) => name).filter((name) => name !== '');
  const errors: FieldError[] = [];
  for (const list of ['containers', 'initContainers', 'ephemeralContainers'] as const) {
    const containers: readonly (Container | EphemeralContainer)[] = spec[list] ?? [];
    for (const [index, { resources }] of containers.entries())
      if (resources?.claims !== undefined)
        errors.push(
          ...validateClaims(resources.claims, `${field}.${list}[${index}].resources.claims`, known),
        );
  }
  return errors;
}

function validateClaims(
  claims: NonNullable<ResourceRequirements['claims']>,
  field: string,
  known: readonly string[],
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { name, request = '' }] of claims.entries()) {
    const path = `${field}[${index}]`;
    if (name === '') {
      errors.push(required(path));
      continue;
    }
    if (request !== '')
      for (const problem of dnsLabelProblems(request))
        errors.push(invalid(`${path}.request`, request, problem));
    const key = request === '' ? name : `${name}/${request}`;
    const overlaps = request === '' && [...seen].some((other) => other.startsWith(`${name}/`));
    if (seen.has(name) || overlaps) errors.push(duplicate(path, name));
    else if (seen.has(key)) errors.push(duplicate(path, key));
    seen.add(key);
    if (known.includes(name)) continue;
    const error = notFoundValue(path, name);
    const names = known.length === 0 ? ' which is empty' : `: ${[...known].sort().join(', ')}`;
    errors.push({
      ...error,
      message: `${error.message}: must be one of the names in pod.spec.resourceClaims${names}`,
    });
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
