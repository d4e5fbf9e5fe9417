import { maxScore, type NodeFilter, type NodeScore } from '../../framework/plugin.ts';
import { findUntoleratedTaint, toleratesTaint } from '../../framework/toleration.ts';

export const taintToleration: NodeFilter = {
  name: 'TaintToleration',
  isStanding: true,
  concerns: () => true,
  admits: (pod, node) =>
    node.taints.length === 0 || findUntoleratedTaint(node.taints, pod.tolerations) === undefined,
  reject(pod, node) {
    const taint = findUntoleratedTaint(node.taints, pod.tolerations);
    return {
      // Kubernetes 1.36 keeps keys and values of taints out of what users of the pod see.
      reasons: ['node(s) had untolerated taint(s)'],
      isFinal: true,
      change: `a toleration for ${taint?.key}=${taint?.value ?? ''}:${taint?.effect}`,
    };
  },
};

/** Nodes with fewer PreferNoSchedule taints that the pod does not tolerate are better. */
export const taintTolerationScore: NodeScore = {
  name: 'TaintToleration',
  isStanding: true,
  weight: 3,
  concerns: () => true,
  score(pod, node) {
    if (node.softTaints.length === 0) return maxScore;
    // As in Kubernetes, a toleration for another effect does not count.
    const tolerations = pod.tolerations.filter(
      ({ effect }) => effect === undefined || effect === '' || effect === 'PreferNoSchedule',
    );
    const untolerated = node.softTaints.filter(
      (taint) => !tolerations.some((toleration) => toleratesTaint(toleration, taint)),
    );
    return maxScore / (1 + untolerated.length) ** 2;
  },
};
