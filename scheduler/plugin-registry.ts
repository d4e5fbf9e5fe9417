import type { PluginSet } from './framework/plugin.ts';
import { imageLocality } from './plugins/image-locality/image-locality.ts';
import { interPodAffinity } from './plugins/inter-pod-affinity/inter-pod-affinity.ts';
import { nodeAffinity, nodeAffinityScore } from './plugins/node-affinity/node-affinity.ts';
import { nodeName } from './plugins/node-name/node-name.ts';
import { nodePorts } from './plugins/node-ports/node-ports.ts';
import { nodeResourcesFit } from './plugins/node-resources/node-resources-fit.ts';
import {
  balancedAllocation,
  cpuAndMemory,
  resourceFitScore,
} from './plugins/node-resources/resource-scores.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable/node-unschedulable.ts';
import { ownerSpread } from './plugins/owner-spread/owner-spread.ts';
import { podTopologySpread } from './plugins/pod-topology-spread/pod-topology-spread.ts';
import { taintToleration, taintTolerationScore } from './plugins/taint-toleration/taint-toleration.ts';

/** All plugins. Filters are asked in this order, and the first to refuse a node is the one that is named. */
export const defaultPlugins: PluginSet = {
  nodeFilters: [nodeUnschedulable, nodeName, taintToleration, nodeAffinity, nodePorts, nodeResourcesFit],
  domainPlugins: [podTopologySpread(), interPodAffinity],
  nodeScores: [
    taintTolerationScore,
    nodeAffinityScore,
    resourceFitScore({ type: 'LeastAllocated', resources: cpuAndMemory }),
    balancedAllocation(),
    imageLocality,
    ownerSpread,
  ],
};
