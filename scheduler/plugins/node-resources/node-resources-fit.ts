import type { NodeInfo } from '../../framework/node-info.ts';
import type { NodeFilter, Shortfall } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import { amountText, noResources, ResourceSum, type Resources } from '../../framework/resources.ts';

interface Need extends Shortfall {
  readonly allocatable: number;
}

/** Room that pods of this or a higher priority wait for is taken, too. */
export const nodeResourcesFit: NodeFilter = {
  name: 'NodeResourcesFit',
  concerns: () => true,
  admits(pod, node) {
    if (node.nominations.length > 0) return fitsBeside(pod, node);
    return node.podCount < node.allowedPods && fitsNow(pod, node);
  },
  reject(pod, node) {
    const nominated = nominatedAbove(pod, node);
    const hasRoom = node.podCount + nominated.pods < node.allowedPods;
    const short = shortOf(pod, node, nominated);
    const shortfalls = short.map(({ resource, needed, free }) => ({ resource, needed, free }));
    const pods = { resource: 'pods', needed: 1, free: node.allowedPods - node.podCount - nominated.pods };
    return {
      reasons: [
        ...(hasRoom ? [] : ['Too many pods']),
        ...short.map(({ resource }) => `Insufficient ${resource}`),
      ],
      isFinal: short.some(({ needed, allocatable }) => needed > allocatable),
      shortfalls: hasRoom ? shortfalls : [pods, ...shortfalls],
      change: [...(hasRoom ? [] : ['one pod less']), ...short.map(more)].join(', '),
    };
  },
};

/** Extended resources by name, or by the domain before the slash. */
export interface IgnoredResources {
  readonly names: ReadonlySet<string>;
  readonly groups: ReadonlySet<string>;
}

/** For profiles whose pods' extended resources somebody else looks after. */
export function fitIgnoring({ names, groups }: IgnoredResources): NodeFilter {
  const seen = new WeakMap<PodClass, PodClass>();
  const isCounted = (name: string): boolean => {
    const [group = '', local] = name.split('/');
    return !names.has(name) && (local === undefined || !groups.has(group));
  };
  const strip = (pod: PodClass): PodClass => {
    const known = seen.get(pod);
    if (known !== undefined) return known;
    const scalars = new Map([...pod.requests.scalars].filter(([name]) => isCounted(name)));
    const stripped = { ...pod, requests: { ...pod.requests, scalars } };
    seen.set(pod, stripped);
    return stripped;
  };
  return {
    ...nodeResourcesFit,
    admits: (pod, node) => nodeResourcesFit.admits(strip(pod), node),
    reject: (pod, node) => nodeResourcesFit.reject(strip(pod), node),
  };
}

const mebi = 1024 * 1024;

function more({ resource, needed, free, allocatable }: Need): string {
  const missing = needed - free;
  // Even an empty node would be too small.
  if (needed > allocatable)
    return `${amountText(resource, needed)} ${resource} instead of ${amountText(resource, allocatable)}`;
  switch (resource) {
    case 'cpu':
      return `${amountText(resource, missing)} more free cpu`;
    case 'memory':
    case 'ephemeral-storage':
      return `${Math.ceil(missing / mebi)}Mi more free ${resource}`;
    default:
      return `${missing} more free ${resource}`;
  }
}

interface Expected {
  readonly sum: Resources;
  readonly pods: number;
}

const nobody: Expected = { sum: noResources, pods: 0 };

/** Pods of this or a higher priority that wait for room there. */
function nominatedAbove(pod: PodClass, node: NodeInfo): Expected {
  if (node.nominations.length === 0) return nobody;
  const sum = new ResourceSum();
  let pods = 0;
  for (const { podClass } of node.nominations) {
    if (podClass.priority < pod.priority) continue;
    sum.add(podClass.requests, 1);
    pods += 1;
  }
  return { sum, pods };
}

/** Nothing is made for this: every placement asks it. */
function fitsNow({ requests }: PodClass, node: NodeInfo): boolean {
  const { cpuMillis, memoryBytes, ephemeralStorageBytes, scalars } = requests;
  if (cpuMillis > 0 && cpuMillis > freeOf(node, 'cpu')) return false;
  if (memoryBytes > 0 && memoryBytes > freeOf(node, 'memory')) return false;
  if (ephemeralStorageBytes > 0 && ephemeralStorageBytes > freeOf(node, 'ephemeral-storage')) return false;
  if (scalars.size > 0)
    for (const [name, needed] of scalars) if (needed > 0 && needed > freeOf(node, name)) return false;
  return true;
}

const freeOf = (node: NodeInfo, resource: string): number =>
  node.amountOf(resource, 'allocatable') - node.amountOf(resource, 'requested');

/** Beside the pods that the node is kept for. */
function fitsBeside(pod: PodClass, node: NodeInfo): boolean {
  const expected = nominatedAbove(pod, node);
  if (node.podCount + expected.pods >= node.allowedPods) return false;
  return shortOf(pod, node, expected).length === 0;
}

/** What is missing. Asked of every node for a pod that fits nowhere: nothing is made for what is there. */
function shortOf({ requests }: PodClass, node: NodeInfo, { sum }: Expected): readonly Need[] {
  const short: Need[] = [];
  const look = (resource: string, needed: number, expected: number): void => {
    if (needed <= 0) return;
    const allocatable = node.amountOf(resource, 'allocatable');
    const free = allocatable - node.amountOf(resource, 'requested') - expected;
    if (needed > free) short.push({ resource, needed, free, allocatable });
  };
  look('cpu', requests.cpuMillis, sum.cpuMillis);
  look('memory', requests.memoryBytes, sum.memoryBytes);
  look('ephemeral-storage', requests.ephemeralStorageBytes, sum.ephemeralStorageBytes);
  if (requests.scalars.size > 0)
    for (const [name, needed] of requests.scalars) look(name, needed, sum.scalars.get(name) ?? 0);
  return short;
}
