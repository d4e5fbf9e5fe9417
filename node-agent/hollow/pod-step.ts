/** What a hollow node does with a pod, and what it then says of it. Pure. */
import type { Pod, PodStatus } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';

export type PodStep = 'start' | 'end' | 'nothing';

/** @param bootedAtMs when the node last came back from a death: what had started before it starts anew */
export function stepOf({ metadata, status }: Pod, bootedAtMs: number): PodStep {
  if (metadata.deletionTimestamp !== undefined) return 'end';
  if (status?.phase === 'Failed' || status?.phase === 'Succeeded') return 'nothing';
  const isReady = status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True');
  return isReady === true && !startedBefore(status, bootedAtMs) ? 'nothing' : 'start';
}

/** Times in a status are whole seconds. */
function startedBefore(status: PodStatus | undefined, bootedAtMs: number): boolean {
  const bootedAtSeconds = Math.floor(bootedAtMs / 1000);
  return (status?.containerStatuses ?? []).some(
    ({ state }) => Date.parse(state?.running?.startedAt ?? '') / 1000 < bootedAtSeconds,
  );
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
  const types = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'];
  return {
    phase: 'Running',
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }],
    podIP: ip,
    podIPs: [{ ip }],
    startTime: status?.startTime ?? now,
    conditions: types.map((type) => ({ type, status: 'True', lastTransitionTime: now })),
    containerStatuses,
  };
}
