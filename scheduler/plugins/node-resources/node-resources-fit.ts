import type { NodeInfo } from '../../framework/node-info.ts';
import type { NodeFilter, Shortfall } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import { amountText, ResourceSum, type Resources } from '../../framework/resources.ts';

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
    const short = needsOf(pod, node, nominated.sum).filter(({ needed, free }) => needed > 0 && needed > free);
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

function nominatedAbove(pod: PodClass, node: NodeInfo): { readonly sum: Resources; readonly pods: number } {
  const sum = new ResourceSum();
  sum.add(node.requested, 1);
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
  const { sum, pods } = nominatedAbove(pod, node);
  if (node.podCount + pods >= node.allowedPods) return false;
  return needsOf(pod, node, sum).every(({ needed, free }) => needed === 0 || needed <= free);
}

function needsOf({ requests }: PodClass, { allocatable }: NodeInfo, taken: Resources): readonly Need[] {
  const need = (resource: string, needed: number, total: number, used: number): Need => ({
    resource,
    needed,
    free: total - used,
    allocatable: total,
  });
  return [
    need('cpu', requests.cpuMillis, allocatable.cpuMillis, taken.cpuMillis),
    need('memory', requests.memoryBytes, allocatable.memoryBytes, taken.memoryBytes),
    need(
      'ephemeral-storage',
      requests.ephemeralStorageBytes,
      allocatable.ephemeralStorageBytes,
      taken.ephemeralStorageBytes,
    ),
    ...[...requests.scalars].map(([name, needed]) =>
      need(name, needed, allocatable.scalars.get(name) ?? 0, taken.scalars.get(name) ?? 0),
    ),
  ];
}
