/**
 * The status of a pod as a function of its facts. Pure: the same facts give the same status, so a restarted agent
 * writes nothing when nothing has changed.
 */
import type { Pod, PodCondition, PodStatus } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';
import { currentSandbox } from '../pod/plan-containers.ts';
import type { PodFacts } from '../pod/pod-facts.ts';
import { isEnding } from '../pod/pod-outcome.ts';
import { isTerminalPhase } from '../pod/pod-spec.ts';
import { qosClassOf } from '../pod/qos.ts';
import { containerStatusesOf } from './container-statuses.ts';
import { podConditionsOf } from './pod-conditions.ts';
import { podPhaseOf } from './pod-phase.ts';

export interface PodStatusInput {
  readonly pod: Pod;
  readonly facts: PodFacts;
  readonly nowMs: number;
  readonly hostIps: readonly string[];
  /** What was last computed or, after a start of the agent, what the API has. */
  readonly previous: PodStatus | undefined;
}

export function podStatusOf(input: PodStatusInput): PodStatus {
  const { pod, facts, hostIps } = input;
  if (facts.verdict !== undefined && facts.containers.length === 0 && facts.sandboxes.length === 0)
    return rejectedStatus(input);
  const initStatuses = containerStatusesOf(input, ['init', 'sidecar']);
  const statuses = containerStatusesOf(input, ['main']);
  const ephemeral = containerStatusesOf(input, ['ephemeral']);
  const isOver =
    isEnding(pod, facts) && !facts.containers.some(({ state }) => state === 'running') && !isStarting(facts);
  const phase = podPhaseOf({ pod, initStatuses, statuses, isCondemned: facts.verdict !== undefined, isOver });
  const ips = podIpsOf(input);
  const { generation } = pod.metadata;
  return {
    ...(generation === undefined ? {} : { observedGeneration: generation }),
    phase,
    conditions: podConditionsOf({ ...input, phase, initStatuses, statuses, hasNetwork: ips.length > 0 }),
    ...reasonOf(input),
    hostIP: hostIps[0],
    hostIPs: hostIps.map((ip) => ({ ip })),
    ...(ips.length === 0 ? {} : { podIP: ips[0], podIPs: ips.map((ip) => ({ ip })) }),
    startTime: pod.status?.startTime ?? input.previous?.startTime ?? toTime(facts.acknowledgedAtMs),
    ...(initStatuses.length === 0 ? {} : { initContainerStatuses: initStatuses }),
    containerStatuses: statuses,
    ...(ephemeral.length === 0 ? {} : { ephemeralContainerStatuses: ephemeral }),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
  };
}

function isStarting(facts: PodFacts): boolean {
  return [...facts.inFlight].some((key) => key.startsWith('startContainer '));
}

function reasonOf({ pod, facts }: PodStatusInput): Pick<PodStatus, 'reason' | 'message'> {
  if (facts.verdict !== undefined) return { reason: facts.verdict.reason, message: facts.verdict.message };
  if (!isTerminalPhase(pod.status?.phase)) return {};
  const { reason, message } = pod.status ?? {};
  return { ...(reason === undefined ? {} : { reason }), ...(message === undefined ? {} : { message }) };
}

/** A pod that never got so far as to have containers. */
function rejectedStatus({ pod, facts, previous }: PodStatusInput): PodStatus {
  const conditions: PodCondition[] = pod.status?.conditions ?? [];
  return {
    ...(pod.metadata.generation === undefined ? {} : { observedGeneration: pod.metadata.generation }),
    phase: 'Failed',
    reason: facts.verdict?.reason,
    message: facts.verdict?.message,
    startTime: pod.status?.startTime ?? previous?.startTime ?? toTime(facts.acknowledgedAtMs),
    qosClass: pod.status?.qosClass ?? qosClassOf(pod),
    ...(conditions.length === 0 ? {} : { conditions }),
  };
}

/** The addresses of a sandbox that has been stopped are still told: the pod had them. */
function podIpsOf({ pod, facts, hostIps, previous }: PodStatusInput): readonly string[] {
  const sandbox = currentSandbox(facts);
  if (sandbox !== undefined) return sandbox.hostNetwork ? hostIps : sandbox.ips;
  if (!isEnding(pod, facts)) return [];
  return (previous?.podIPs ?? []).flatMap(({ ip }) => (ip === undefined ? [] : [ip]));
}
