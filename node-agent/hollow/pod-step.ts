/** What a hollow node does with a pod, and what it then says of it. Pure. */
import type { Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';

/** 128 and SIGTERM. */
const terminatedBySignal = 143;

/** `accept`: says that it has seen the pod; `keep`: it runs and stays so. */
export type PodStep = 'accept' | 'start' | 'keep' | 'end' | 'nothing';

/** @param bootedAtMs when the node last came back from a death: what had started before it starts anew */
export function stepOf({ metadata, status }: Pod, bootedAtMs: number): PodStep {
  if (metadata.deletionTimestamp !== undefined) return 'end';
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return 'nothing';
  const isReady = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
  if (isReady === true && !startedBefore(status, bootedAtMs)) return 'keep';
  return status?.startTime === undefined ? 'accept' : 'start';
}

/** Times in a status are whole seconds. */
function startedBefore(status: PodStatus | undefined, bootedAtMs: number): boolean {
  const bootedAtSeconds = Math.floor(bootedAtMs / 1000);
  return (status?.containerStatuses ?? []).some(
    ({ state }) => Date.parse(state?.running?.startedAt ?? '') / 1000 < bootedAtSeconds,
  );
}

const readiness = ['PodReadyToStartContainers', 'Ready', 'ContainersReady'];

const lasting = ({ metadata, status }: Pod): PodStatus => ({
  observedGeneration: metadata.generation,
  qosClass: status?.qosClass,
});

/** Its containers are being created. */
export function acceptedStatusOf(pod: Pod, hostIp: string, nowMs: number): PodStatus {
  const now = toTime(nowMs);
  const condition = (type: string, status: string): PodCondition => ({
    type,
    status,
    lastTransitionTime: now,
  });
  return {
    ...lasting(pod),
    phase: 'Pending',
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    startTime: now,
    conditions: [condition('Initialized', 'True'), ...readiness.map((type) => condition(type, 'False'))],
    containerStatuses: pod.spec.containers.map(({ name, image = '' }) => ({
      ...{ name, image, imageID: '', ready: false, started: false, restartCount: 0 },
      state: { waiting: { reason: 'ContainerCreating' } },
    })),
  };
}

/** Its containers have ended by the signal; undefined when none of them ran. */
export function endedStatusOf({ status }: Pod, nowMs: number): PodStatus | undefined {
  const before = status?.containerStatuses ?? [];
  if (!before.some(({ state }) => state?.running !== undefined)) return undefined;
  const now = toTime(nowMs);
  const exit = { exitCode: terminatedBySignal, reason: 'Error', finishedAt: now };
  return {
    ...status,
    phase: 'Failed',
    conditions: readiness.map((type) => ({ type, status: 'False', lastTransitionTime: now })),
    containerStatuses: before.map(({ state, ...rest }) => ({
      ...{ ...rest, ready: false, started: false },
      state: { terminated: { ...exit, startedAt: state?.running?.startedAt ?? now } },
    })),
  };
}

export interface RunningPod {
  readonly ip: string;
  readonly hostIp: string;
  readonly bootedAtMs: number;
  readonly nowMs: number;
}

/** All containers run and are ready; those from before the boot have restarted once more. */
export function runningStatusOf(pod: Pod, { ip, hostIp, bootedAtMs, nowMs }: RunningPod): PodStatus {
  const now = toTime(nowMs);
  const { spec, status } = pod;
  const restarted = startedBefore(status, bootedAtMs) ? 1 : 0;
  const previous = new Map(status?.containerStatuses?.map((each) => [each.name, each]));
  const containerStatuses = spec.containers.map(({ name, image = '' }) => {
    const earlier = previous.get(name);
    const startedAt = restarted === 0 ? (earlier?.state?.running?.startedAt ?? now) : now;
    return {
      name,
      image,
      imageID: image,
      ready: true,
      started: true,
      restartCount: (earlier?.restartCount ?? 0) + restarted,
      state: { running: { startedAt } },
    };
  });
  return {
    ...lasting(pod),
    phase: 'Running',
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: ip,
    podIPs: [{ ip }],
    startTime: status?.startTime ?? now,
    conditions: ['Initialized', ...readiness].map((type) => ({
      type,
      status: 'True',
      lastTransitionTime: now,
    })),
    containerStatuses,
  };
}
