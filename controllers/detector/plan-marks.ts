import type { Node, NodeCondition, Taint } from '../../api/generated/core-v1.ts';
import { toTime } from '../../base/clock.ts';
import {
  nodeCondition,
  nodeDeadTaint,
  silentCondition,
  unreachableTaint,
  withTaints,
} from '../node-state.ts';
import type { Verdict } from './judge.ts';

/** On a Node whose guard has beaten once; tells later detectors that its silence means something. */
export const guardAnnotation = 'coracle.dev/guard';

export type Mark =
  | { readonly kind: 'conditions'; readonly conditions: readonly NodeCondition[] }
  | { readonly kind: 'taints'; readonly taints: readonly Taint[] }
  | { readonly kind: 'annotate' };

export interface MarkInput {
  readonly node: Node;
  readonly verdict: Verdict;
  /** The Ready condition before we made it Unknown, if we remember it and the node has not been dead since. */
  readonly readyBefore: NodeCondition | undefined;
  readonly nowMs: number;
}

/** The writes that make a Node show the verdict, in the order in which they are to be made. */
export function planMarks(input: MarkInput): Mark[] {
  switch (input.verdict) {
    case 'unknown':
      return [];
    case 'silent':
      return planSilent(input);
    case 'dead':
      // Taints first: they start the replacement.
      return [...planDead(input), ...planSilent(input)];
    case 'alive':
      return planAlive(input);
  }
}

/**
 * One patch carries both conditions, so that readers of either learn it by the same event. It is made once: when the
 * agent speaks after it, its word about Ready stands, or the two would write in turns.
 */
function planSilent({ node, nowMs }: MarkInput): Mark[] {
  const ready = nodeCondition(node, 'Ready');
  if (nodeCondition(node, silentCondition)?.status === 'True') return [];
  const now = toTime(nowMs);
  return [
    {
      kind: 'conditions',
      conditions: [
        {
          type: 'Ready',
          status: 'Unknown',
          reason: 'NodeStatusUnknown',
          message: 'Kubelet stopped posting node status.',
          lastHeartbeatTime: ready?.lastHeartbeatTime ?? now,
          lastTransitionTime: now,
        },
        {
          type: silentCondition,
          status: 'True',
          reason: 'NoBeats',
          message: 'The node sends no beats.',
          lastHeartbeatTime: now,
          lastTransitionTime: now,
        },
      ],
    },
  ];
}

function planDead({ node, nowMs }: MarkInput): Mark[] {
  const timeAdded = toTime(nowMs);
  const wanted: Taint[] = [{ key: nodeDeadTaint, effect: 'NoExecute', timeAdded }];
  // Once the agent has spoken again these are for node lifecycle to take away.
  const agentSpoke =
    nodeCondition(node, silentCondition)?.status === 'True' &&
    nodeCondition(node, 'Ready')?.status !== 'Unknown';
  if (!agentSpoke)
    for (const effect of ['NoExecute', 'NoSchedule'])
      wanted.push({ key: unreachableTaint, effect, timeAdded });
  const taints = withTaints(node.spec.taints ?? [], wanted, wanted);
  return taints === undefined ? [] : [{ kind: 'taints', taints }];
}

function planAlive(input: MarkInput): Mark[] {
  const { node } = input;
  const marks: Mark[] = [];
  const conditions = backConditions(input);
  if (conditions.length > 0) marks.push({ kind: 'conditions', conditions });
  if (node.metadata.annotations?.[guardAnnotation] === undefined) marks.push({ kind: 'annotate' });
  // A node that was dead is taken back when its agent has spoken: only then are its stale pods accounted for.
  const agentSpoke = nodeCondition(node, 'Ready')?.status !== 'Unknown';
  const governed: Taint[] = [{ key: nodeDeadTaint, effect: 'NoExecute' }];
  const taints = agentSpoke ? withTaints(node.spec.taints ?? [], governed, []) : undefined;
  if (taints !== undefined) marks.push({ kind: 'taints', taints });
  return marks;
}

function backConditions({ node, readyBefore, nowMs }: MarkInput): NodeCondition[] {
  if (nodeCondition(node, silentCondition)?.status !== 'True') return [];
  const now = toTime(nowMs);
  const heard: NodeCondition = {
    type: silentCondition,
    status: 'False',
    reason: 'BeatsReceived',
    message: 'The node sends beats.',
    lastHeartbeatTime: now,
    lastTransitionTime: now,
  };
  const restorable = nodeCondition(node, 'Ready')?.status === 'Unknown' && readyBefore !== undefined;
  return restorable ? [heard, { ...readyBefore, lastTransitionTime: now }] : [heard];
}
