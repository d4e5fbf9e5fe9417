import type { Container, Pod } from '../../api/generated/core-v1.ts';
import { toMillis, toUnits } from '../../api/quantity.ts';
import { containersOf } from './pod-spec.ts';

export type QosClass = 'Guaranteed' | 'Burstable' | 'BestEffort';

const qosResources = ['cpu', 'memory'] as const;

type Asking = Pick<Container, 'resources'>;

/**
 * Guaranteed: every container limits CPU and memory and requests as much. BestEffort: none asks for any. What the pod
 * asks for as a whole counts instead of what its containers do.
 */
export function qosClassOf(pod: Pod): QosClass {
  const { resources } = pod.spec;
  const containers: Asking[] =
    resources?.requests === undefined && resources?.limits === undefined
      ? [...(pod.spec.initContainers ?? []), ...pod.spec.containers]
      : [{ resources }];
  const asksForAny = containers.some((container) =>
    qosResources.some((name) => isSet(container, 'requests', name) || isSet(container, 'limits', name)),
  );
  if (!asksForAny) return 'BestEffort';
  return containers.every((container) => qosResources.every((name) => isGuaranteed(container, name)))
    ? 'Guaranteed'
    : 'Burstable';
}

function isSet(container: Asking, list: 'requests' | 'limits', name: string): boolean {
  const quantity = container.resources?.[list]?.[name];
  return quantity !== undefined && toMillis(quantity) > 0;
}

function isGuaranteed(container: Asking, name: string): boolean {
  const limit = container.resources?.limits?.[name];
  if (limit === undefined || toMillis(limit) === 0) return false;
  const request = container.resources?.requests?.[name];
  return request === undefined || toMillis(request) === toMillis(limit);
}

/** cgroup of the pod below the agent's root: Guaranteed pods lie beside the parents of the two other classes. */
export function cgroupParentOf(pod: Pod): string {
  const own = `pod${pod.metadata.uid}`;
  const qosClass = qosClassOf(pod);
  return qosClass === 'Guaranteed' ? own : `${qosClass.toLowerCase()}/${own}`;
}

const guaranteedOomScoreAdj = -997;
const bestEffortOomScoreAdj = 1000;

/** The more of its node a Burstable container asked for, the later the kernel's OOM killer takes it. */
export function oomScoreAdjOf(pod: Pod, container: Container, nodeMemoryBytes: number): number {
  if ((pod.spec.priority ?? 0) >= systemCriticalPriority) return guaranteedOomScoreAdj;
  const qosClass = qosClassOf(pod);
  if (qosClass === 'Guaranteed') return guaranteedOomScoreAdj;
  if (qosClass === 'BestEffort') return bestEffortOomScoreAdj;
  const requestBytes = toUnits(container.resources?.requests?.['memory'] ?? '0');
  const share = 1000 - Math.floor((1000 * requestBytes) / Math.max(1, nodeMemoryBytes));
  if (share < 1000 + guaranteedOomScoreAdj) return 1000 + guaranteedOomScoreAdj;
  return share === bestEffortOomScoreAdj ? share - 1 : share;
}

const systemCriticalPriority = 2_000_000_000;

/** What a pod asks of its node, as the scheduler counts it: init containers one after another, sidecars all along. */
export interface PodRequests {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
}

const none: PodRequests = { cpuMillis: 0, memoryBytes: 0, ephemeralStorageBytes: 0 };

function plus(left: PodRequests, right: PodRequests): PodRequests {
  return {
    cpuMillis: left.cpuMillis + right.cpuMillis,
    memoryBytes: left.memoryBytes + right.memoryBytes,
    ephemeralStorageBytes: left.ephemeralStorageBytes + right.ephemeralStorageBytes,
  };
}

function greater(left: PodRequests, right: PodRequests): PodRequests {
  return {
    cpuMillis: Math.max(left.cpuMillis, right.cpuMillis),
    memoryBytes: Math.max(left.memoryBytes, right.memoryBytes),
    ephemeralStorageBytes: Math.max(left.ephemeralStorageBytes, right.ephemeralStorageBytes),
  };
}

function toRequests(list: Readonly<Record<string, string>> | undefined): PodRequests {
  return {
    cpuMillis: toMillis(list?.['cpu'] ?? '0'),
    memoryBytes: toUnits(list?.['memory'] ?? '0'),
    ephemeralStorageBytes: toUnits(list?.['ephemeral-storage'] ?? '0'),
  };
}

export function podRequestsOf(pod: Pod): PodRequests {
  let sidecars = none;
  let initPeak = none;
  let main = none;
  for (const { role, spec } of containersOf(pod)) {
    const requests = toRequests(spec.resources?.requests ?? spec.resources?.limits);
    if (role === 'sidecar') sidecars = plus(sidecars, requests);
    if (role === 'init') initPeak = greater(initPeak, plus(sidecars, requests));
    if (role === 'main') main = plus(main, requests);
  }
  const ofContainers = greater(plus(main, sidecars), initPeak);
  return plus(ofPod(ofContainers, pod.spec.resources), toRequests(pod.spec.overhead));
}

/** What the pod asks for as a whole counts where it is said. */
function ofPod(ofContainers: PodRequests, resources: Pod['spec']['resources']): PodRequests {
  const asked = resources?.requests ?? resources?.limits;
  const whole = toRequests(asked);
  return {
    cpuMillis: asked?.['cpu'] === undefined ? ofContainers.cpuMillis : whole.cpuMillis,
    memoryBytes: asked?.['memory'] === undefined ? ofContainers.memoryBytes : whole.memoryBytes,
    ephemeralStorageBytes: ofContainers.ephemeralStorageBytes,
  };
}
