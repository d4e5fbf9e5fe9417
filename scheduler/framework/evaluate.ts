import type { NodeInfo } from './node-info.ts';
import type { PluginSet, Rejection, Snapshot } from './plugin.ts';
import type { PodClass } from './pod-class.ts';

export interface NamedRejection extends Rejection {
  readonly plugin: string;
}

/** The verdict of the filters that look at one node only. */
export function filterNode(plugins: PluginSet, pod: PodClass, node: NodeInfo): NamedRejection | undefined {
  for (const plugin of plugins.nodeFilters) {
    const rejection = plugin.filter(pod, node);
    if (rejection !== undefined) return { plugin: plugin.name, ...rejection };
  }
  return undefined;
}

export function scoreNode(plugins: PluginSet, pod: PodClass, node: NodeInfo): number {
  let total = 0;
  for (const plugin of plugins.nodeScores) total += plugin.weight * plugin.score(pod, node);
  return total;
}

export interface Evaluation {
  filter(node: NodeInfo): NamedRejection | undefined;
  score(node: NodeInfo): number;
}

/** All plugins, those that look at the whole cluster included, ready to be asked about each node. */
export function prepareEvaluation(plugins: PluginSet, pod: PodClass, snapshot: Snapshot): Evaluation {
  const filters = plugins.clusterFilters.flatMap((plugin) => {
    const filter = plugin.prepare(pod, snapshot);
    return filter === undefined ? [] : [{ plugin: plugin.name, filter }];
  });
  const scores = plugins.clusterScores.flatMap((plugin) => {
    const score = plugin.prepare(pod, snapshot);
    return score === undefined ? [] : [{ weight: plugin.weight, score }];
  });
  return {
    filter(node) {
      const local = filterNode(plugins, pod, node);
      if (local !== undefined) return local;
      for (const { plugin, filter } of filters) {
        const rejection = filter(node);
        if (rejection !== undefined) return { plugin, ...rejection };
      }
      return undefined;
    },
    score(node) {
      return scores.reduce(
        (total, { weight, score }) => total + weight * score(node),
        scoreNode(plugins, pod, node),
      );
    },
  };
}
