import type { Node, NodeCondition, Taint } from '../api/generated/core-v1.ts';

/**
 * The marks on a Node that several loops read and write.
 *
 * Silent: the detector hears no beats; a suspicion. Written as condition `coracle.dev/Silent` in one patch with
 * Ready=Unknown, so that one event tells every reader.
 * Dead: silent for long enough, and not together with too many others. Written as taint `coracle.dev/node-dead`.
 */
export const silentCondition = 'coracle.dev/Silent';
export const nodeDeadTaint = 'coracle.dev/node-dead';
export const unreachableTaint = 'node.kubernetes.io/unreachable';
export const notReadyTaint = 'node.kubernetes.io/not-ready';
export const outOfServiceTaint = 'node.kubernetes.io/out-of-service';
export const zoneLabel = 'topology.kubernetes.io/zone';

export type NodeHealth = 'healthy' | 'silent' | 'dead';

export function nodeCondition(node: Node, type: string): NodeCondition | undefined {
  return node.status?.conditions?.find((condition) => condition.type === type);
}

export function isNodeReady(node: Node): boolean {
  return nodeCondition(node, 'Ready')?.status === 'True';
}

export function hasTaint(node: Node, key: string, effect?: string): boolean {
  return (node.spec.taints ?? []).some(
    (taint) => taint.key === key && (effect === undefined || taint.effect === effect),
  );
}

export function nodeHealth(node: Node): NodeHealth {
  if (hasTaint(node, nodeDeadTaint)) return 'dead';
  return nodeCondition(node, silentCondition)?.status === 'True' ? 'silent' : 'healthy';
}

const isSameTaint = (left: Taint, right: Taint): boolean =>
  left.key === right.key && left.effect === right.effect;

/**
 * The taints with exactly `wanted` out of the `governed` ones and all others untouched.
 * @returns undefined when nothing changes.
 */
export function withTaints(
  current: readonly Taint[],
  governed: readonly Taint[],
  wanted: readonly Taint[],
): Taint[] | undefined {
  const kept = current.filter(
    (taint) =>
      !governed.some((one) => isSameTaint(one, taint)) || wanted.some((one) => isSameTaint(one, taint)),
  );
  const added = wanted.filter((taint) => !current.some((one) => isSameTaint(one, taint)));
  return added.length === 0 && kept.length === current.length ? undefined : [...kept, ...added];
}
