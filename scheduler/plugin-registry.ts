import type { TopologySpreadConstraint } from '../api/generated/core-v1.ts';
import type { PluginSet } from './framework/plugin.ts';
import type { PodClass } from './framework/pod-class.ts';
import { type SpreadConstraint, spreadConstraintsOf } from './framework/spread-constraint.ts';
import { imageLocality } from './plugins/image-locality/image-locality.ts';
import { interPodAffinity } from './plugins/inter-pod-affinity/inter-pod-affinity.ts';
import {
  type AddedAffinity,
  enforcedAffinity,
  namedNodes,
  nodeAffinity,
  nodeAffinityScore,
  nodeAffinityScoreWith,
} from './plugins/node-affinity/node-affinity.ts';
import { nodeName } from './plugins/node-name/node-name.ts';
import { nodePorts } from './plugins/node-ports/node-ports.ts';
import {
  fitIgnoring,
  type IgnoredResources,
  nodeResourcesFit,
} from './plugins/node-resources/node-resources-fit.ts';
import {
  balancedAllocation,
  cpuAndMemory,
  resourceFitScore,
  type ScoringStrategy,
  type WeighedResource,
} from './plugins/node-resources/resource-scores.ts';
import { nodeUnschedulable } from './plugins/node-unschedulable/node-unschedulable.ts';
import { nodeVolumeLimits } from './plugins/node-volume-limits/node-volume-limits.ts';
import { ownerSpread } from './plugins/owner-spread/owner-spread.ts';
import { incompleteTopology, podTopologySpread } from './plugins/pod-topology-spread/pod-topology-spread.ts';
import { taintToleration, taintTolerationScore } from './plugins/taint-toleration/taint-toleration.ts';
import { volumeBinding } from './plugins/volume-binding/volume-binding.ts';
import { diskConflicts } from './plugins/volume-restrictions/disk-conflicts.ts';
import { volumeRestrictions } from './plugins/volume-restrictions/volume-restrictions.ts';
import { volumeZone } from './plugins/volume-zone/volume-zone.ts';

export type Point = 'filter' | 'score';

/** How a profile's plugins differ from the defaults. */
export interface PluginChoices {
  /** By point; `*` is every plugin. */
  readonly disabled: Readonly<Record<Point, ReadonlySet<string>>>;
  readonly weights: ReadonlyMap<string, number>;
  readonly fit?: ScoringStrategy;
  readonly balanced?: readonly WeighedResource[];
  /** For pods without constraints of their own; they select the pods of the same owner. */
  readonly spread?: readonly TopologySpreadConstraint[];
  /** Extended resources that the fit does not look at. */
  readonly ignored?: IgnoredResources;
  /** What every pod of the profile asks of nodes. */
  readonly addedAffinity?: AddedAffinity;
}

const noChoices: PluginChoices = { disabled: { filter: new Set(), score: new Set() }, weights: new Map() };

/** Filters are asked in this order, and the first to refuse a node is the one that is named. */
export function pluginsFor(choices: PluginChoices = noChoices): PluginSet {
  const { disabled, weights, fit, balanced, spread, ignored, addedAffinity } = choices;
  const isOn = (point: Point, name: string): boolean =>
    !disabled[point].has(name) && !disabled[point].has('*');
  const weighed = <P extends { readonly name: string; readonly weight: number }>(plugin: P): P => ({
    ...plugin,
    weight: isOn('score', plugin.name) ? (weights.get(plugin.name) ?? plugin.weight) : 0,
  });
  return {
    nodeFilters: [
      namedNodes,
      nodeUnschedulable,
      nodeName,
      taintToleration,
      ...(addedAffinity === undefined ? [] : [enforcedAffinity(addedAffinity)]),
      nodeAffinity,
      nodePorts,
      ignored === undefined ? nodeResourcesFit : fitIgnoring(ignored),
      diskConflicts,
      nodeVolumeLimits,
      volumeBinding,
      volumeZone,
    ].filter(({ name }) => isOn('filter', name)),
    domainPlugins: [volumeRestrictions, podTopologySpread(defaultConstraints(spread)), interPodAffinity]
      .filter(({ name }) => isOn('filter', name))
      .map(weighed),
    nodeScores: [
      taintTolerationScore,
      addedAffinity === undefined ? nodeAffinityScore : nodeAffinityScoreWith(addedAffinity),
      resourceFitScore(fit ?? { type: 'LeastAllocated', resources: cpuAndMemory }),
      balancedAllocation(balanced),
      imageLocality,
      ownerSpread,
      incompleteTopology(defaultConstraints(spread)),
    ].map(weighed),
  };
}

function defaultConstraints(
  constraints: readonly TopologySpreadConstraint[] | undefined,
): (pod: PodClass) => readonly SpreadConstraint[] {
  const compiled = spreadConstraintsOf(constraints, {});
  return ({ owner }) => (owner === undefined ? [] : compiled.map((constraint) => ({ ...constraint, owner })));
}

export const defaultPlugins: PluginSet = pluginsFor();

export const scorePlugins: readonly string[] = [
  ...defaultPlugins.nodeScores,
  ...defaultPlugins.domainPlugins,
].map(({ name }) => name);

export const pluginNames: readonly string[] = [
  ...new Set([
    ...defaultPlugins.nodeFilters.map(({ name }) => name),
    ...defaultPlugins.domainPlugins.map(({ name }) => name),
    ...scorePlugins,
  ]),
];

/** Plugins of Kubernetes whose work other parts do: naming them changes nothing. */
export const plainPlugins: readonly string[] = [
  'DefaultBinder',
  'DefaultPreemption',
  'DynamicResources',
  'GangScheduling',
  'PrioritySort',
  'SchedulingGates',
];
