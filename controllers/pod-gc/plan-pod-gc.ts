import type { Node, Pod } from '../../api/generated/core-v1.ts';
import { hasTaint, isNodeReady, outOfServiceTaint } from '../node-state.ts';
import { isPodTerminal, isTerminating } from '../pod-state.ts';

/** Finished pods that are kept at most, as Kubernetes' --terminated-pod-gc-threshold. */
export const terminatedPodThreshold = 12_500;

export interface Collectable {
  readonly pod: Pod;
  /** For the pod's DisruptionTarget condition; undefined for a pod that had ended anyway. */
  readonly why: string | undefined;
}

/**
 * Pods that nobody else will take away: bound to a node that is gone, ending on a node that is out of service, ending
 * without ever having been bound, and the oldest of too many that have finished.
 *
 * @param isGone whether the node of that name has been gone for long enough to believe it.
 */
export function planPodGc(
  pods: readonly Pod[],
  nodeOf: (name: string) => Node | undefined,
  isGone: (node: string) => boolean,
): Collectable[] {
  return [
    ...pods.flatMap((pod) => {
      const why = reasonOf(pod, nodeOf, isGone);
      return why === undefined ? [] : [{ pod, why: why === '' ? undefined : why }];
    }),
    ...surplusTerminated(pods).map((pod) => ({ pod, why: undefined })),
  ];
}

function reasonOf(
  pod: Pod,
  nodeOf: (name: string) => Node | undefined,
  isGone: (node: string) => boolean,
): string | undefined {
  const { nodeName } = pod.spec;
  if (nodeName === undefined || nodeName === '') return isTerminating(pod) ? '' : undefined;
  const node = nodeOf(nodeName);
  if (node === undefined) return isGone(nodeName) ? 'PodGC: node no longer exists' : undefined;
  const isOut = isTerminating(pod) && !isNodeReady(node) && hasTaint(node, outOfServiceTaint);
  return isOut ? 'PodGC: node is out-of-service' : undefined;
}

function surplusTerminated(pods: readonly Pod[]): Pod[] {
  const finished = pods.filter((pod) => isPodTerminal(pod) && !isTerminating(pod));
  if (finished.length <= terminatedPodThreshold) return [];
  return finished
    .sort((a, b) => a.metadata.creationTimestamp.localeCompare(b.metadata.creationTimestamp))
    .slice(0, finished.length - terminatedPodThreshold);
}
