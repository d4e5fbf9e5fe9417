import type { Pod } from '../../api/generated/core-v1.ts';
import { isTerminating } from '../pod-state.ts';
import { fitOf } from './daemon-pod.ts';
import { limitsOf } from './limits.ts';
import { type DaemonPlan, type DaemonView, isAvailable, isCurrent } from './plan-daemons.ts';

interface NodePods {
  readonly node: string;
  readonly current: Pod | undefined;
  readonly old: Pod | undefined;
  /** More than one of either: something for the ordinary plan to clean up first. */
  readonly isMuddled: boolean;
  /** False for one that keeps a pod which it would not get any more. */
  readonly shouldRun: boolean;
}

/** The next pods to replace. Without surge they are deleted, and made anew by the ordinary plan. */
export function planRollingUpdate(view: DaemonView): DaemonPlan {
  const all = nodesWithPods(view);
  const limits = limitsOf(view.daemonSet, all.desired);
  const plan =
    limits.maxSurge === 0
      ? replacing(view, all.nodes, limits.maxUnavailable)
      : surging(view, all.nodes, limits.maxSurge);
  return { ...plan, ended: [] };
}

function nodesWithPods({ daemonSet, nodes, podsByNode, hash }: DaemonView): {
  readonly nodes: readonly NodePods[];
  readonly desired: number;
} {
  const wanting = nodes
    .filter((node) => fitOf(daemonSet, node).shouldRun)
    .map(({ metadata }) => metadata.name);
  const wanted = new Set(wanting);
  const names = new Set([...podsByNode.keys(), ...wanting]);
  const found = [...names].map((node): NodePods => {
    const live = (podsByNode.get(node) ?? []).filter((pod) => !isTerminating(pod));
    const current = live.filter((pod) => isCurrent(pod, hash));
    const old = live.filter((pod) => !isCurrent(pod, hash));
    return {
      ...{ node, current: current[0], old: old[0], isMuddled: current.length > 1 || old.length > 1 },
      shouldRun: wanted.has(node),
    };
  });
  return { nodes: found, desired: wanting.length };
}

function replacing(
  { daemonSet, nowMs }: DaemonView,
  nodes: readonly NodePods[],
  maxUnavailable: number,
): Omit<DaemonPlan, 'ended'> {
  let unavailable = 0;
  const broken: Pod[] = [];
  const candidates: Pod[] = [];
  for (const { current, old, isMuddled } of nodes) {
    if (isMuddled || (current === undefined) === (old === undefined)) unavailable += 1;
    else if (current !== undefined) unavailable += isAvailable(current, daemonSet, nowMs) ? 0 : 1;
    else if (old !== undefined && !isAvailable(old, daemonSet, nowMs)) {
      // It serves nobody: replacing it costs nothing.
      broken.push(old);
      unavailable += 1;
    } else if (old !== undefined) candidates.push(old);
  }
  const spare = Math.max(0, maxUnavailable - unavailable);
  return { toCreate: [], toDelete: [...broken, ...candidates.slice(0, spare)] };
}

function surging(
  { daemonSet, nowMs }: DaemonView,
  nodes: readonly NodePods[],
  maxSurge: number,
): Omit<DaemonPlan, 'ended'> {
  let surge = 0;
  const toDelete: Pod[] = [];
  const broken: string[] = [];
  const candidates: string[] = [];
  // A second pod would never get onto a node that takes none any more.
  const leaving: Pod[] = [];
  for (const { node, current, old, isMuddled, shouldRun } of nodes) {
    if (isMuddled) surge += 1;
    if (isMuddled || old === undefined) continue;
    const isServing = isAvailable(old, daemonSet, nowMs);
    if (current !== undefined) {
      if (isAvailable(current, daemonSet, nowMs)) toDelete.push(old);
      else surge += 1;
    } else if (shouldRun) (isServing ? candidates : broken).push(node);
    else (isServing ? leaving : toDelete).push(old);
  }
  const spare = Math.max(0, maxSurge - surge);
  const left = leaving.slice(0, spare);
  return {
    toCreate: [...broken, ...candidates.slice(0, spare - left.length)],
    toDelete: [...toDelete, ...left],
  };
}
