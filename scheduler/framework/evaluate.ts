import type { NodeInfo } from './node-info.ts';
import {
  type CounterSource,
  type DomainRule,
  infeasible,
  type NodeFilter,
  type NodeScore,
  type PluginSet,
  type Rejection,
} from './plugin.ts';
import type { PodClass } from './pod-class.ts';

export interface NamedRejection extends Rejection {
  readonly plugin: string;
}

/** The plugins that look at one node only, those left out that have nothing to say about this class of pods. */
export interface LocalEvaluation {
  admits(node: NodeInfo): boolean;
  /** What holds until the node's facts change: points, or `infeasible`. */
  standing(node: NodeInfo): number;
  /** The rest: what is on the node decides. */
  momentary(node: NodeInfo): number;
  reject(node: NodeInfo): NamedRejection | undefined;
  /** What each plugin gives, weighted. */
  scores(node: NodeInfo): Readonly<Record<string, number>>;
}

export function prepareLocal(plugins: PluginSet, pod: PodClass): LocalEvaluation {
  const filters = plugins.nodeFilters.filter((plugin) => plugin.concerns(pod));
  const scores = plugins.nodeScores.filter((plugin) => plugin.weight !== 0 && plugin.concerns(pod));
  const isStanding = ({ isStanding: stands }: NodeFilter | NodeScore): boolean => stands === true;
  const isMomentary = (plugin: NodeFilter | NodeScore): boolean => !isStanding(plugin);
  return {
    admits: (node) => admitsAll(filters, pod, node),
    standing: valueBy(filters.filter(isStanding), scores.filter(isStanding), pod),
    momentary: valueBy(filters.filter(isMomentary), scores.filter(isMomentary), pod),
    reject(node) {
      const filter = filters.find((each) => !each.admits(pod, node));
      return filter === undefined ? undefined : { plugin: filter.name, ...filter.reject(pod, node) };
    },
    scores: (node) =>
      Object.fromEntries(scores.map((plugin) => [plugin.name, plugin.weight * plugin.score(pod, node)])),
  };
}

function admitsAll(filters: readonly NodeFilter[], pod: PodClass, node: NodeInfo): boolean {
  for (const filter of filters) if (!filter.admits(pod, node)) return false;
  return true;
}

const valueBy =
  (filters: readonly NodeFilter[], scores: readonly NodeScore[], pod: PodClass) =>
  (node: NodeInfo): number => {
    if (!admitsAll(filters, pod, node)) return infeasible;
    let total = 0;
    for (const plugin of scores) total += plugin.weight * plugin.score(pod, node);
    return total;
  };

export interface WeighedRule {
  readonly plugin: string;
  readonly weight: number;
  readonly rule: DomainRule;
}

/** What the class wants of domains, in the order of the plugins. */
export function weighRules(
  plugins: PluginSet,
  pod: PodClass,
  counters: CounterSource,
): readonly WeighedRule[] {
  return plugins.domainPlugins.flatMap((plugin) =>
    plugin
      .rulesOf(pod, counters)
      .map((rule): WeighedRule => ({ plugin: plugin.name, weight: plugin.weight, rule })),
  );
}

export const ruleKey = (rules: readonly WeighedRule[]): string =>
  rules.map(({ plugin, rule }) => `${plugin} ${rule.id}`).join('\n');
