import { maxScore, type NodeScore } from '../../framework/plugin.ts';

/**
 * Keeps replicas of one owner apart. The step from no replica to one outweighs everything that least and balanced
 * allocation can say together (4 x 50 against 2 x 100), so replicas share a node only when every feasible node has
 * one; from then on load decides more and more.
 */
export const ownerSpread: NodeScore = {
  name: 'OwnerSpread',
  weight: 4,
  countsReplicas: true,
  concerns: ({ owner }) => owner !== undefined,
  score(pod, node) {
    if (pod.owner === undefined) return 0;
    return maxScore / (1 + node.replicasOf(pod.owner));
  },
};
