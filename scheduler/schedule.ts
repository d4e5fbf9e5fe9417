import type { Cluster } from './cache/cluster.ts';
import type { PlacementIndex } from './cache/placement-index.ts';
import { infeasible } from './cache/score-tree.ts';
import { type NamedRejection, prepareEvaluation } from './framework/evaluate.ts';
import type { NodeInfo } from './framework/node-info.ts';
import type { PluginSet } from './framework/plugin.ts';
import type { PodClass } from './framework/pod-class.ts';
import type { Candidates, Strategy } from './strategies/strategy.ts';

export interface SchedulingContext {
  readonly cluster: Cluster;
  readonly plugins: PluginSet;
  readonly index: PlacementIndex;
}

/** The node for a pod, or undefined when none will do: then `diagnose` says why. No I/O, no clock. */
export function schedule(
  context: SchedulingContext,
  pod: PodClass,
  strategy: Strategy,
): NodeInfo | undefined {
  const { cluster, index } = context;
  const candidates = cluster.hasTermsAround(pod) ? scan(context, pod) : indexed(index, cluster, pod);
  const slot = strategy.choose(candidates);
  return slot === undefined ? undefined : cluster.nodeAt(slot);
}

/** Why each node will not do, by node name. */
export type Diagnosis = ReadonlyMap<string, NamedRejection>;

export function diagnose(context: SchedulingContext, pod: PodClass): Diagnosis {
  const { cluster, plugins } = context;
  const evaluation = prepareEvaluation(plugins, pod, cluster);
  const rejections = new Map<string, NamedRejection>();
  for (const node of cluster.nodes) {
    const rejection = evaluation.filter(node);
    if (rejection !== undefined) rejections.set(node.name, rejection);
  }
  return rejections;
}

function indexed(index: PlacementIndex, cluster: Cluster, pod: PodClass): Candidates {
  const scores = index.scoresFor(pod);
  return {
    slotCount: cluster.slotCount,
    isFeasible: (slot) => scores.score(slot) !== infeasible,
    best: () => scores.best(),
  };
}

function scan({ cluster, plugins }: SchedulingContext, pod: PodClass): Candidates {
  const evaluation = prepareEvaluation(plugins, pod, cluster);
  const isFeasible = (slot: number): boolean => {
    const node = cluster.nodeAt(slot);
    return node !== undefined && evaluation.filter(node) === undefined;
  };
  return {
    slotCount: cluster.slotCount,
    isFeasible,
    best() {
      let best: number | undefined;
      let highest = infeasible;
      for (const node of cluster.nodes) {
        if (evaluation.filter(node) !== undefined) continue;
        const score = evaluation.score(node);
        if (score <= highest) continue;
        highest = score;
        best = node.slot;
      }
      return best;
    },
  };
}
