import type { Cluster } from './cache/cluster.ts';
import { rejectBesideNominated, rejectByDomain } from './cache/nominated-pods.ts';
import type { PlacementIndex } from './cache/placement-index.ts';
import type { NamedRejection, WeighedRule } from './framework/evaluate.ts';
import type { NodeInfo } from './framework/node-info.ts';
import { infeasible, type PluginSet } from './framework/plugin.ts';
import type { PodClass } from './framework/pod-class.ts';
import type { Strategy } from './strategies/strategy.ts';

/** A cluster at one moment, and the plugins that judge it. Build one of your own to ask what would be. */
export interface SchedulingContext {
  readonly cluster: Cluster;
  readonly plugins: PluginSet;
  readonly index: PlacementIndex;
}

/** The node for a pod, or undefined when none will do: then `explain` says why. No I/O, no clock. */
export function schedule(
  context: SchedulingContext,
  pod: PodClass,
  strategy: Strategy,
): NodeInfo | undefined {
  const { cluster, index } = context;
  if (pod.volumes.problem !== undefined) return undefined;
  const placement = index.placementOf(pod);
  const slot = strategy.choose({
    slotCount: cluster.slotCount,
    isFeasible: (at) => placement.valueAt(at) !== infeasible,
    best: () => placement.best(),
  });
  return slot === undefined ? undefined : cluster.nodeAt(slot);
}

/** Whether some node would take the pod. */
export function fitsSomewhere({ index }: SchedulingContext, pod: PodClass): boolean {
  return pod.volumes.problem === undefined && index.placementOf(pod).best() !== undefined;
}

/** Whether this node would take the pod. */
export function fitsOn({ index }: SchedulingContext, pod: PodClass, node: NodeInfo): boolean {
  return index.placementOf(pod).valueAt(node.slot) !== infeasible;
}

/** What rules out every node alike, before any is looked at; undefined: nothing does. */
export function preFilter({ namedNodes, volumes }: PodClass): NamedRejection | undefined {
  if (namedNodes?.size === 0) return namesConflict;
  const { problem } = volumes;
  return problem === undefined ? undefined : { plugin: 'VolumeBinding', reasons: [problem], isFinal: true };
}

/** Terms that name nodes, and each of them several that exclude one another. */
const namesConflict: NamedRejection = {
  plugin: 'NodeAffinity',
  reasons: ['pod affinity terms conflict'],
  isFinal: true,
};

/** Why this node will not do; undefined when it will. */
export function rejectionOn(
  { index }: SchedulingContext,
  pod: PodClass,
  node: NodeInfo,
  rules: readonly WeighedRule[] = index.placementOf(pod).rules,
): NamedRejection | undefined {
  const everywhere = preFilter(pod);
  if (everywhere !== undefined) return everywhere;
  return (
    index.localOf(pod).reject(node) ?? rejectBesideNominated(rules, pod, node) ?? rejectByDomain(rules, node)
  );
}

/** What one node means for a pod: a refusal, or its points by plugin. Plain data. */
export type Verdict =
  | ({ readonly node: string; readonly fits: false } & NamedRejection)
  | {
      readonly node: string;
      readonly fits: true;
      readonly total: number;
      readonly points: Readonly<Record<string, number>>;
    };

/**
 * Every node's verdict, the best first.
 * @param known of every slot why the class cannot go there, for one who knows; else each node is asked
 */
export function explain(
  context: SchedulingContext,
  pod: PodClass,
  known?: (slot: number) => NamedRejection | undefined,
): readonly Verdict[] {
  const { cluster, index } = context;
  const placement = index.placementOf(pod);
  const { local, rules } = placement;
  const verdicts = [...cluster.nodes].map((node): Verdict => {
    const rejection = known === undefined ? rejectionOn(context, pod, node, rules) : known(node.slot);
    if (rejection !== undefined) return { node: node.name, fits: false, ...rejection };
    const points: Record<string, number> = { ...local.scores(node) };
    for (const { plugin, weight, rule } of rules) {
      const domain = cluster.counters.topology(rule.topologyKey).domainOf(node.slot);
      points[plugin] = (points[plugin] ?? 0) + weight * rule.score(domain);
    }
    return { node: node.name, fits: true, total: placement.valueAt(node.slot), points };
  });
  return verdicts.sort(byTotal);
}

/** Equals by name, so that whoever asks is told the same. */
const byTotal = (left: Verdict, right: Verdict): number =>
  (right.fits ? right.total : infeasible) - (left.fits ? left.total : infeasible) ||
  (left.node < right.node ? -1 : 1);

/** The decision for a pod: its node, or why no node will do. Plain data. */
export type Decision =
  | { readonly node: string }
  | { readonly node: undefined; readonly verdicts: readonly Verdict[] };

export function decide(context: SchedulingContext, pod: PodClass, strategy: Strategy): Decision {
  const node = schedule(context, pod, strategy);
  return node === undefined ? { node: undefined, verdicts: explain(context, pod) } : { node: node.name };
}
