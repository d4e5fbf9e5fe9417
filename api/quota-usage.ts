/**
 * What objects take of a ResourceQuota: which of its names concern a kind, whom its scopes select, how much one object
 * counts. Pure; the API server charges by it and the controller counts by it.
 * @see https://kubernetes.io/docs/concepts/policy/resource-quotas/
 */
import type {
  PersistentVolumeClaim,
  Pod,
  PodAffinityTerm,
  ResourceQuotaSpec,
  ScopedResourceSelectorRequirement,
  Service,
} from './generated/core-v1.ts';
import type { AnyObject } from './kind-info.ts';
import { parseQuantity, type Quantity } from './quantity.ts';
import {
  addResourceLists,
  hasPodLevelResources,
  one,
  podResourceList,
  type ResourceList,
} from './resource-list.ts';
import { matchesRequirement } from './selector.ts';

/** A kind, as `<group>/<plural>`. */
type Resource = string;

const podNames: ReadonlySet<string> = new Set([
  'pods',
  'count/pods',
  'cpu',
  'memory',
  'ephemeral-storage',
  ...['requests', 'limits'].flatMap((kind) => [`${kind}.cpu`, `${kind}.memory`, `${kind}.ephemeral-storage`]),
]);
const serviceNames: ReadonlySet<string> = new Set([
  'services',
  'services.nodeports',
  'services.loadbalancers',
  'count/services',
]);
const claimNames: ReadonlySet<string> = new Set([
  'persistentvolumeclaims',
  'requests.storage',
  'count/persistentvolumeclaims',
]);
/** Kinds that were counted under their own name before there was `count/`. */
const oldCounts: ReadonlySet<Resource> = new Set([
  '/configmaps',
  '/resourcequotas',
  '/replicationcontrollers',
  '/secrets',
]);
const classInfix = '.storageclass.storage.k8s.io/';
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

/** Nobody means to count these. */
const uncounted: ReadonlySet<Resource> = new Set(['/events', 'events.k8s.io/events']);

/** `count/deployments.apps`; the core group has no suffix. */
export function countName(resource: Resource): string {
  const [group = '', plural = ''] = resource.split('/');
  return group === '' ? `count/${plural}` : `count/${plural}.${group}`;
}

/** Those of `names` that objects of `resource` can count against. */
export function coveredNames(resource: Resource, names: Iterable<string>): string[] {
  if (uncounted.has(resource)) return [];
  return [...names].filter((name) => isCovered(resource, name));
}

function isCovered(resource: Resource, name: string): boolean {
  switch (resource) {
    case '/pods':
      return (
        podNames.has(name) ||
        name.startsWith('hugepages-') ||
        name.startsWith('requests.hugepages-') ||
        (!isNative(name) && name.startsWith('requests.'))
      );
    case '/services':
      return serviceNames.has(name);
    case '/persistentvolumeclaims':
      return (
        claimNames.has(name) ||
        name.endsWith(`${classInfix}persistentvolumeclaims`) ||
        name.endsWith(`${classInfix}requests.storage`)
      );
    default:
      return name === countName(resource) || (oldCounts.has(resource) && name === resource.slice(1));
  }
}

/** What one object counts. `nowMs` tells whether a pod should be gone by now. */
export function usageOf(resource: Resource, object: AnyObject, nowMs: number): ResourceList {
  switch (resource) {
    case '/pods':
      return podUsage(object as Pod & AnyObject, nowMs);
    case '/services':
      return serviceUsage(object as Service & AnyObject);
    case '/persistentvolumeclaims':
      return claimUsage(object as PersistentVolumeClaim & AnyObject);
    default:
      return new Map([
        [countName(resource), one],
        ...(oldCounts.has(resource) ? [[resource.slice(1), one] as const] : []),
      ]);
  }
}

function podUsage(pod: Pod, nowMs: number): ResourceList {
  const counted: ResourceList = new Map([['count/pods', one]]);
  if (!isCharged(pod, nowMs)) return counted;
  const { spec } = pod;
  const overhead = new Map(
    Object.entries(spec.overhead ?? {}).map(([name, text]) => [name, parseQuantity(text)]),
  );
  const limits = podResourceList(spec, 'limits');
  const limited = new Map([...overhead].filter(([name]) => limits.has(name)));
  const computed = computeUsage(
    addResourceLists(podResourceList(spec, 'requests'), overhead),
    addResourceLists(limits, limited),
  );
  return new Map([...counted, ...computed]);
}

/** A pod that has ended takes nothing, nor does one whose node is lost and that should be gone. */
function isCharged({ metadata, status }: Pod, nowMs: number): boolean {
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return false;
  const { deletionTimestamp, deletionGracePeriodSeconds } = metadata;
  if (deletionTimestamp === undefined || deletionGracePeriodSeconds === undefined) return true;
  return nowMs <= Date.parse(deletionTimestamp) + deletionGracePeriodSeconds * 1000;
}

const basics = ['cpu', 'memory', 'ephemeral-storage'];

/** Under all the names by which a quota may limit it. */
function computeUsage(requests: ResourceList, limits: ResourceList): ResourceList {
  const usage = new Map<string, Quantity>([['pods', one]]);
  for (const [name, amount] of requests) {
    if (basics.includes(name) || name.startsWith('hugepages-')) {
      usage.set(name, amount);
      usage.set(`requests.${name}`, amount);
    } else if (!isNative(name)) usage.set(`requests.${name}`, amount);
  }
  for (const name of basics) {
    const amount = limits.get(name);
    if (amount !== undefined) usage.set(`limits.${name}`, amount);
  }
  return usage;
}

function serviceUsage({ spec }: Service): ResourceList {
  const usage = new Map<string, Quantity>([
    ['services', one],
    ['count/services', one],
  ]);
  const ports = spec.ports ?? [];
  const count = (number: number): Quantity => ({ ...one, nanos: one.nanos * BigInt(number) });
  if (spec.type === 'NodePort') usage.set('services.nodeports', count(ports.length));
  if (spec.type === 'LoadBalancer') {
    const allocated = spec.allocateLoadBalancerNodePorts ?? true;
    const held = allocated ? ports : ports.filter(({ nodePort = 0 }) => nodePort !== 0);
    usage.set('services.nodeports', count(held.length));
    usage.set('services.loadbalancers', one);
  }
  return usage;
}

function claimUsage({ metadata, spec, status }: PersistentVolumeClaim): ResourceList {
  const usage = new Map<string, Quantity>([
    ['persistentvolumeclaims', one],
    ['count/persistentvolumeclaims', one],
  ]);
  const className =
    metadata.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? spec.storageClassName ?? '';
  if (className !== '') usage.set(`${className}${classInfix}persistentvolumeclaims`, one);
  const asked = spec.resources?.requests?.['storage'];
  if (asked === undefined) return usage;
  const [wanted, given] = [asked, status?.allocatedResources?.['storage'] ?? '0'].map(wholeUnits);
  const storage = wanted !== undefined && given !== undefined && given.nanos > wanted.nanos ? given : wanted;
  if (storage === undefined) return usage;
  usage.set('requests.storage', storage);
  if (className !== '') usage.set(`${className}${classInfix}requests.storage`, storage);
  return usage;
}

function wholeUnits(text: string): Quantity {
  const { nanos, format } = parseQuantity(text);
  const units = (nanos + one.nanos - 1n) / one.nanos;
  return { nanos: units * one.nanos, format };
}

/** Whether every scope of a quota selects `object`. Scopes speak of pods, and one of claims. */
export function isInScope(
  spec: ResourceQuotaSpec | undefined,
  resource: Resource,
  object: AnyObject,
): boolean {
  const scopes = (spec?.scopes ?? []).map((scopeName) => ({ scopeName, operator: 'Exists' }));
  return [...scopes, ...(spec?.scopeSelector?.matchExpressions ?? [])].every((scope) =>
    matchesScope(scope, resource, object),
  );
}

function matchesScope(
  scope: ScopedResourceSelectorRequirement,
  resource: Resource,
  object: AnyObject,
): boolean {
  if (resource === '/persistentvolumeclaims')
    return scope.scopeName === 'VolumeAttributesClass' && matchesClaim(scope, object as Claim);
  if (resource !== '/pods') return false;
  const { spec, status } = object as Pod & AnyObject;
  switch (scope.scopeName) {
    case 'Terminating':
      return isTerminating(spec);
    case 'NotTerminating':
      return !isTerminating(spec);
    case 'BestEffort':
      return status?.qosClass === 'BestEffort';
    case 'NotBestEffort':
      return status?.qosClass !== 'BestEffort';
    case 'PriorityClass':
      return matchesName(scope, spec.priorityClassName ?? '');
    case 'CrossNamespacePodAffinity':
      return crossesNamespaces(spec);
    default:
      return false;
  }
}

const isTerminating = ({ activeDeadlineSeconds }: Pod['spec']): boolean =>
  activeDeadlineSeconds !== undefined && activeDeadlineSeconds >= 0;

const operators: ReadonlyMap<string, 'in' | 'notIn' | 'exists' | 'absent'> = new Map([
  ['In', 'in'],
  ['NotIn', 'notIn'],
  ['Exists', 'exists'],
  ['DoesNotExist', 'absent'],
]);

function matchesName(
  { operator, values, scopeName }: ScopedResourceSelectorRequirement,
  name: string,
): boolean {
  const known = operators.get(operator);
  if (known === undefined) return false;
  const requirement = { key: scopeName, operator: known, values: values ?? [] };
  return matchesRequirement(requirement, name === '' ? undefined : name);
}

type Claim = PersistentVolumeClaim & AnyObject;

function matchesClaim(scope: ScopedResourceSelectorRequirement, { spec, status }: Claim): boolean {
  const names = [
    spec.volumeAttributesClassName,
    status?.currentVolumeAttributesClassName,
    status?.modifyVolumeStatus?.targetVolumeAttributesClassName,
  ].filter((name) => name !== undefined && name !== '');
  if (names.length === 0) return matchesName(scope, '');
  return names.some((name) => matchesName(scope, name ?? ''));
}

function crossesNamespaces({ affinity }: Pod['spec']): boolean {
  const terms: PodAffinityTerm[] = [affinity?.podAffinity, affinity?.podAntiAffinity].flatMap((each) => [
    ...(each?.requiredDuringSchedulingIgnoredDuringExecution ?? []),
    ...(each?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map((term) => term.podAffinityTerm),
  ]);
  return terms.some(
    ({ namespaces, namespaceSelector }) => (namespaces ?? []).length > 0 || namespaceSelector !== undefined,
  );
}

const mustBeGiven = ['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory'];

/** A quota of CPU or memory needs every container, or the pod as a whole, to say how much: what is left out, in Kubernetes' words. */
export function missingAmounts(names: readonly string[], { spec }: Pod): string | undefined {
  if (hasPodLevelResources(spec)) return undefined;
  const missing = mustBeGiven
    .filter((name) => names.includes(name))
    .sort()
    .flatMap((name) => {
      const [kind = 'requests', resource = name] = name.includes('.') ? name.split('.') : ['requests', name];
      const silent = [...(spec.containers ?? []), ...(spec.initContainers ?? [])].filter(
        ({ resources }) => resources?.[kind === 'limits' ? 'limits' : 'requests']?.[resource] === undefined,
      );
      const called = [...new Set(silent.map((container) => container.name))].sort();
      return called.length === 0 ? [] : [`${name} for: ${called.join(',')}`];
    });
  return missing.length === 0 ? undefined : `must specify ${missing.join('; ')}`;
}
