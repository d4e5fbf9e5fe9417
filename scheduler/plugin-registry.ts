import type { PluginSet } from './framework/plugin.ts';
import { imageLocality } from './plugins/image-locality/image-locality.ts';
import { interPodAffinity, interPodAffinityScore } from './plugins/inter-pod-affinity/inter-pod-affinity.ts';
import { nodeAffinity, nodeAffinityScore } from './plugins/node-affinity/node-affinity.ts';
import { nodeName } from './plugins/node-name/node-name.ts';
import { nodePorts } from './plugins/node-ports/node-ports.ts';
import {
  balancedAllocation,
  leastAllocated,
  nodeResourcesFit,
} from './plugins/node-resources/node-resources-fit.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable/node-unschedulable.ts';
import { ownerSpread } from './plugins/owner-spread/owner-spread.ts';
import {
  podTopologySpread,
  podTopologySpreadScore,
} from './plugins/pod-topology-spread/pod-topology-spread.ts';
import { taintToleration, taintTolerationScore } from './plugins/taint-toleration/taint-toleration.ts';

/** All plugins. Filters are asked in this order, and the first to refuse a node is the one that is named. */
export const defaultPlugins: PluginSet = {
  nodeFilters: [nodeUnschedulable, nodeName, taintToleration, nodeAffinity, nodePorts, nodeResourcesFit],
  clusterFilters: [podTopologySpread, interPodAffinity],
  nodeScores: [
    taintTolerationScore,
    nodeAffinityScore,
    leastAllocated,
    balancedAllocation,
    imageLocality,
    ownerSpread,
  ],
  clusterScores: [podTopologySpreadScore, interPodAffinityScore],
};
