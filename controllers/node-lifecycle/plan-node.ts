import type { Node, NodeCondition, Taint } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';
import {
  hasTaint,
  nodeCondition,
  nodeDeadTaint,
  notReadyTaint,
  unreachableTaint,
  withTaints,
} from '../node-state.ts';

/** Without a sign of life for this long a node is not Ready. As Kubernetes' node-monitor-grace-period. */
export const graceMs = 40_000;
/** As Kubernetes' node-startup-grace-period: for a node whose agent has never reported. */
export const startupGraceMs = 60_000;
/** An agent that is down serves on: nothing of its node is evicted before this time. */
export const agentDownMs = 60_000;

const conditionTaints: readonly { readonly type: string; readonly status: string; readonly key: string }[] = [
  { type: 'Ready', status: 'False', key: notReadyTaint },
  { type: 'Ready', status: 'Unknown', key: unreachableTaint },
  { type: 'MemoryPressure', status: 'True', key: 'node.kubernetes.io/memory-pressure' },
  { type: 'DiskPressure', status: 'True', key: 'node.kubernetes.io/disk-pressure' },
  { type: 'PIDPressure', status: 'True', key: 'node.kubernetes.io/pid-pressure' },
  { type: 'NetworkUnavailable', status: 'True', key: 'node.kubernetes.io/network-unavailable' },
];
const unschedulableTaint = 'node.kubernetes.io/unschedulable';

const governed: readonly Taint[] = [
  ...conditionTaints.map(({ key }) => ({ key, effect: 'NoSchedule' })),
  { key: unschedulableTaint, effect: 'NoSchedule' },
  { key: notReadyTaint, effect: 'NoExecute' },
  { key: unreachableTaint, effect: 'NoExecute' },
];

export interface NodeView {
  readonly node: Node;
  /** Judging time without a sign of life. */
  readonly silentMs: number;
  /** Too many nodes are unwell at once to evict anything. */
  readonly massSilence: boolean;
  readonly nowMs: number;
}

/** Conditions to write because the node's agent is silent; undefined when it is not, or they say so already. */
export function planConditions({ node, silentMs, nowMs }: NodeView): NodeCondition[] | undefined {
  const ready = nodeCondition(node, 'Ready');
  if (silentMs < (ready === undefined ? startupGraceMs : graceMs)) return undefined;
  const types = ['Ready', 'MemoryPressure', 'DiskPressure', 'PIDPressure'];
  const stale = types.filter((type) => nodeCondition(node, type)?.status !== 'Unknown');
  if (stale.length === 0) return undefined;
  return stale.map((type) => unknownCondition(node, type, nowMs));
}

export function unknownCondition(node: Node, type: string, nowMs: number): NodeCondition {
  const current = nodeCondition(node, type);
  return {
    type,
    status: 'Unknown',
    reason: current === undefined ? 'NodeStatusNeverUpdated' : 'NodeStatusUnknown',
    message:
      current === undefined ? 'Kubelet never posted node status.' : 'Kubelet stopped posting node status.',
    lastHeartbeatTime: current?.lastHeartbeatTime ?? node.metadata.creationTimestamp,
    lastTransitionTime: toTime(nowMs),
  };
}

/** Whether the node's pods are to be given up: it is dead, or its agent is down for too long. */
export function isGivenUp({ node, silentMs, massSilence }: NodeView): boolean {
  if (hasTaint(node, nodeDeadTaint)) return true;
  return nodeCondition(node, 'Ready')?.status === 'Unknown' && silentMs >= agentDownMs && !massSilence;
}

/** The taints that the node's conditions call for; undefined when it has exactly those. */
export function planTaints(view: NodeView): Taint[] | undefined {
  const { node } = view;
  const timeAdded = toTime(view.nowMs);
  const wanted: Taint[] = conditionTaints
    .filter(({ type, status }) => nodeCondition(node, type)?.status === status)
    .map(({ key }) => ({ key, effect: 'NoSchedule', timeAdded }));
  // It was created with this one, which stays until its agent has reported.
  if (nodeCondition(node, 'Ready') === undefined && hasTaint(node, notReadyTaint, 'NoSchedule'))
    wanted.push({ key: notReadyTaint, effect: 'NoSchedule', timeAdded });
  if (node.spec.unschedulable === true)
    wanted.push({ key: unschedulableTaint, effect: 'NoSchedule', timeAdded });
  const noExecute = noExecuteTaint(view);
  if (noExecute !== undefined) wanted.push({ key: noExecute, effect: 'NoExecute', timeAdded });
  return withTaints(node.spec.taints ?? [], governed, wanted);
}

function noExecuteTaint(view: NodeView): string | undefined {
  const status = nodeCondition(view.node, 'Ready')?.status;
  if (status === 'False') return view.massSilence ? undefined : notReadyTaint;
  if (status !== 'Unknown') return undefined;
  // One that is there stays until the node is back: the eviction that it started is not taken back by a restart.
  const there = hasTaint(view.node, unreachableTaint, 'NoExecute') && !view.massSilence;
  return there || isGivenUp(view) ? unreachableTaint : undefined;
}
