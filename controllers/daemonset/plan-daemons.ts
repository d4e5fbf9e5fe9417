import type { DaemonSet } from '../../api/generated/apps-v1.ts';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { availableInMs, isPodReady, isTerminating } from '../pod-state.ts';
import { fitOf, revisionHashLabel, targetNodeOf } from './daemon-pod.ts';
import { limitsOf } from './limits.ts';

/** What a daemon set's pods and the nodes say together. */
export interface DaemonView {
  readonly daemonSet: DaemonSet;
  readonly nodes: readonly Node[];
  readonly podsByNode: ReadonlyMap<string, readonly Pod[]>;
  /** Of the template as it is now. */
  readonly hash: string;
  readonly nowMs: number;
}

export interface DaemonPlan {
  /** Names of nodes that get a pod. */
  readonly toCreate: readonly string[];
  readonly toDelete: readonly Pod[];
  /** Pods among `toDelete` that have ended by themselves; they are not taken away too often. */
  readonly ended: readonly Pod[];
}

export function viewDaemons(view: Omit<DaemonView, 'podsByNode'>, pods: readonly Pod[]): DaemonView {
  const podsByNode = new Map<string, Pod[]>();
  for (const pod of pods) {
    const node = targetNodeOf(pod);
    if (node === undefined) continue;
    const there = podsByNode.get(node);
    if (there === undefined) podsByNode.set(node, [pod]);
    else there.push(pod);
  }
  for (const there of podsByNode.values()) there.sort(byAge);
  return { ...view, podsByNode };
}

/** Scheduled ones first, then the oldest. */
function byAge(left: Pod, right: Pod): number {
  const rank = ({ spec }: Pod): number => ((spec.nodeName ?? '') === '' ? 1 : 0);
  const [a, b] = [left.metadata, right.metadata];
  return (
    rank(left) - rank(right) ||
    a.creationTimestamp.localeCompare(b.creationTimestamp) ||
    a.name.localeCompare(b.name)
  );
}

export const isCurrent = (pod: Pod, hash: string): boolean =>
  pod.metadata.labels?.[revisionHashLabel] === hash;

export function isAvailable(pod: Pod, { spec }: DaemonSet, nowMs: number): boolean {
  return availableInMs(pod, spec.minReadySeconds ?? 0, nowMs) === 0;
}

/** One pod on every node that should have one, none elsewhere. */
export function planDaemons(view: DaemonView): DaemonPlan {
  const toCreate: string[] = [];
  const toDelete: Pod[] = [];
  const ended: Pod[] = [];
  for (const node of view.nodes) {
    const pods = view.podsByNode.get(node.metadata.name) ?? [];
    const { shouldRun, mayStay } = fitOf(view.daemonSet, node);
    if (shouldRun && pods.length === 0) toCreate.push(node.metadata.name);
    const live = pods.filter((pod) => !isTerminating(pod));
    if (!mayStay) toDelete.push(...live);
    else {
      const done = live.filter(({ status }) => status?.phase === 'Failed' || status?.phase === 'Succeeded');
      ended.push(...done);
      toDelete.push(
        ...done,
        ...surplusOf(
          view,
          live.filter((pod) => !done.includes(pod)),
        ),
      );
    }
  }
  return { toCreate, toDelete: [...toDelete, ...homeless(view)], ended };
}

/** Of several pods on one node all but the oldest; while surging, an old and a new one may be there together. */
function surplusOf({ daemonSet, hash, nowMs, nodes }: DaemonView, live: readonly Pod[]): readonly Pod[] {
  if (live.length <= 1) return [];
  if (limitsOf(daemonSet, nodes.length).maxSurge === 0) return live.slice(1);
  const current = live.find((pod) => isCurrent(pod, hash));
  const old = live.find((pod) => !isCurrent(pod, hash));
  const surplus = live.filter((pod) => pod !== current && pod !== old);
  if (current === undefined || old === undefined) return surplus;
  const isReplaced = !isPodReady(old) || isAvailable(current, daemonSet, nowMs);
  return isReplaced ? [...surplus, old] : surplus;
}

/** Pods that wait for a node that is gone. */
function homeless({ nodes, podsByNode }: DaemonView): readonly Pod[] {
  const known = new Set(nodes.map(({ metadata }) => metadata.name));
  return [...podsByNode]
    .filter(([node]) => !known.has(node))
    .flatMap(([, pods]) => pods)
    .filter((pod) => (pod.spec.nodeName ?? '') === '' && !isTerminating(pod));
}
