import type { ContainerStatus, Pod, PodCondition } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';
import { currentSandbox } from '../pod/plan-containers.ts';
import { resizeChanges } from '../pod/plan-resize.ts';
import { isEnding } from '../pod/pod-outcome.ts';
import { incompleteInits, type PodPhase } from './pod-phase.ts';
import type { PodStatusInput } from './pod-status.ts';

/** The conditions that a node writes; all others on a pod are left as they are. */
export const ownConditions = [
  'PodReadyToStartContainers',
  'Initialized',
  'Ready',
  'ContainersReady',
  'PodScheduled',
] as const;

/** Those that are there only while a resize is on its way. */
export const passingConditions = ['PodResizePending', 'PodResizeInProgress'] as const;

export interface ConditionsInput extends PodStatusInput {
  readonly phase: PodPhase;
  readonly initStatuses: readonly ContainerStatus[];
  readonly statuses: readonly ContainerStatus[];
  readonly hasNetwork: boolean;
}

interface Finding {
  readonly status: 'True' | 'False';
  readonly reason?: string;
  readonly message?: string;
}

const yes: Finding = { status: 'True' };

export function podConditionsOf(input: ConditionsInput): PodCondition[] {
  const containersReady = containersReadyOf(input);
  const findings: Record<(typeof ownConditions)[number], Finding> = {
    PodReadyToStartContainers:
      currentSandbox(input.facts) !== undefined && input.hasNetwork ? yes : { status: 'False' },
    Initialized: initializedOf(input),
    Ready: readyOf(input, containersReady),
    ContainersReady: containersReady,
    PodScheduled: yes,
  };
  return [
    ...ownConditions.map((type) => toCondition(input, type, findings[type])),
    ...resizeFindings(input).map(([type, finding]) => toCondition(input, type, finding)),
  ];
}

function resizeFindings({ pod, facts }: ConditionsInput): [(typeof passingConditions)[number], Finding][] {
  const found: ReturnType<typeof resizeFindings> = [];
  if (isEnding(pod, facts)) return found;
  const { resizeRefusal, resizeFault, inFlight } = facts;
  if (resizeRefusal !== undefined)
    found.push([
      'PodResizePending',
      { status: 'True', reason: resizeRefusal.reason, message: resizeRefusal.message },
    ]);
  const isUnderWay = inFlight.has('resizePod') || resizeChanges(pod, facts).length > 0;
  const trouble = resizeFault && { reason: resizeFault.reason, message: resizeFault.message };
  if (isUnderWay) found.push(['PodResizeInProgress', { status: 'True', ...trouble }]);
  return found;
}

function toCondition(input: ConditionsInput, type: string, finding: Finding): PodCondition {
  const earlier =
    input.previous?.conditions?.find((condition) => condition.type === type) ??
    input.pod.status?.conditions?.find((condition) => condition.type === type);
  const since = earlier?.status === finding.status ? earlier.lastTransitionTime : undefined;
  const { generation } = input.pod.metadata;
  return {
    type,
    ...finding,
    lastProbeTime: undefined,
    lastTransitionTime: since ?? toTime(input.nowMs),
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  };
}

function initializedOf({ pod, phase, initStatuses }: ConditionsInput): Finding {
  if (phase === 'Succeeded') return { status: 'True', reason: 'PodCompleted' };
  const incomplete = phase === 'Running' ? [] : incompleteInits(pod, initStatuses);
  if (incomplete.length === 0) return yes;
  return {
    status: 'False',
    reason: 'ContainersNotInitialized',
    message: `containers with incomplete status: [${incomplete.join(' ')}]`,
  };
}

function containersReadyOf({ phase, pod, statuses, initStatuses }: ConditionsInput): Finding {
  if (phase === 'Succeeded') return { status: 'False', reason: 'PodCompleted' };
  if (phase === 'Failed') return { status: 'False', reason: 'PodFailed' };
  const unready = [...sidecarStatuses(pod, initStatuses), ...statuses]
    .filter((status) => !status.ready)
    .map((status) => status.name);
  if (unready.length === 0) return yes;
  return {
    status: 'False',
    reason: 'ContainersNotReady',
    message: `containers with unready status: [${unready.join(' ')}]`,
  };
}

function sidecarStatuses(pod: Pod, initStatuses: readonly ContainerStatus[]): ContainerStatus[] {
  const names = new Set(
    (pod.spec.initContainers ?? [])
      .filter(({ restartPolicy }) => restartPolicy === 'Always')
      .map(({ name }) => name),
  );
  return initStatuses.filter((status) => names.has(status.name));
}

function readyOf({ pod }: ConditionsInput, containersReady: Finding): Finding {
  if (containersReady.status === 'False') return containersReady;
  const messages = (pod.spec.readinessGates ?? []).flatMap(({ conditionType }) => {
    const condition = pod.status?.conditions?.find(({ type }) => type === conditionType);
    if (condition === undefined)
      return [`corresponding condition of pod readiness gate "${conditionType}" does not exist.`];
    if (condition.status !== 'True')
      return [`the status of pod readiness gate "${conditionType}" is not "True", but ${condition.status}`];
    return [];
  });
  if (messages.length === 0) return yes;
  return { status: 'False', reason: 'ReadinessGatesNotReady', message: messages.join(', ') };
}
