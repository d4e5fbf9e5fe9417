import type { ContainerStatus, Pod } from '../../api/generated/core-v1.ts';
import { containerNamed, isSidecar, isTerminalPhase } from '../pod/pod-spec.ts';
import { restartsAfter } from '../pod/restart-decision.ts';

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

export interface PhaseInput {
  readonly pod: Pod;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  /** The node decided that the pod ends. */
  readonly isCondemned: boolean;
  /** Everything has ended and nothing is started any more. */
  readonly isOver: boolean;
}

/** @see https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/#pod-phase */
export function podPhaseOf(input: PhaseInput): PodPhase {
  const { pod, statuses, initStatuses } = input;
  const known = pod.status?.phase;
  if (isTerminalPhase(known)) return known === 'Succeeded' ? 'Succeeded' : 'Failed';
  if (input.isCondemned) return input.isOver ? 'Failed' : livePhase(input);
  if (hasFailedInit(pod, initStatuses)) return 'Failed';
  if (isInitialising(pod, initStatuses) && !input.isOver) return 'Pending';
  const ended = statuses.filter((status) => endOf(status) !== undefined);
  if (ended.length < statuses.length) return livePhase(input);
  // Sidecars end after the rest; until then the pod runs.
  if (!input.isOver && hasRunningSidecar(pod, initStatuses)) return 'Running';
  const succeeded = ended.every((status) => endOf(status) === 0);
  if (!input.isOver && ended.some((status) => startsAgain(pod, status.name, endOf(status)))) return 'Running';
  return succeeded ? 'Succeeded' : 'Failed';
}

function startsAgain(pod: Pod, name: string, exitCode: number | undefined): boolean {
  const container = containerNamed(pod, name);
  return container !== undefined && restartsAfter(pod, container, exitCode);
}

function livePhase({ statuses }: PhaseInput): PodPhase {
  const isWaiting = (status: ContainerStatus): boolean =>
    status.state?.waiting !== undefined && status.lastState?.terminated === undefined;
  return statuses.some(isWaiting) ? 'Pending' : 'Running';
}

/** Exit code when the container is not running now but has run; undefined while it runs or before it ever did. */
function endOf(status: ContainerStatus): number | undefined {
  if (status.state?.terminated !== undefined) return status.state.terminated.exitCode;
  return status.state?.waiting === undefined ? undefined : status.lastState?.terminated?.exitCode;
}

function hasFailedInit(pod: Pod, initStatuses: readonly ContainerStatus[]): boolean {
  return plainInitStatuses(pod, initStatuses).some(({ name, state }) => {
    const exitCode = state?.terminated?.exitCode ?? 0;
    return exitCode !== 0 && !startsAgain(pod, name, exitCode);
  });
}

function isInitialising(pod: Pod, initStatuses: readonly ContainerStatus[]): boolean {
  return incompleteInits(pod, initStatuses).length > 0;
}

const sidecarsOf = (pod: Pod): ReadonlySet<string> =>
  new Set((pod.spec.initContainers ?? []).filter(isSidecar).map(({ name }) => name));

function plainInitStatuses(pod: Pod, initStatuses: readonly ContainerStatus[]): ContainerStatus[] {
  const sidecars = sidecarsOf(pod);
  return initStatuses.filter((status) => !sidecars.has(status.name));
}

function hasRunningSidecar(pod: Pod, initStatuses: readonly ContainerStatus[]): boolean {
  const sidecars = sidecarsOf(pod);
  return initStatuses.some(({ name, state }) => state?.running !== undefined && sidecars.has(name));
}

/** Names of init containers that have not succeeded and of sidecars that have not started. */
export function incompleteInits(pod: Pod, initStatuses: readonly ContainerStatus[]): string[] {
  const sidecars = sidecarsOf(pod);
  return initStatuses
    .filter((status) =>
      sidecars.has(status.name) ? status.started !== true : status.state?.terminated?.exitCode !== 0,
    )
    .map((status) => status.name);
}
