/**
 * The value of every node for a class of pods that looks at no other pods but its owner's replicas. Such classes
 * differ in owner, labels and namespace only; those alike in the rest share one tree, in which no node has a replica.
 * For the few nodes that have one, the tree is given their true value while it is asked.
 *
 * Cost: a thousand Deployments with the same requests are as cheap as one.
 */
import type { LocalEvaluation, WeighedRule } from '../framework/evaluate.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { ClassPlacement } from './class-placement.ts';
import type { Cluster } from './cluster.ts';
import { infeasible } from './score-tree.ts';

export interface Placement {
  /** In the order in which they are asked. */
  readonly rules: readonly WeighedRule[];
  readonly local: LocalEvaluation;
  /** The best node's slot; undefined when none will do. */
  best(): number | undefined;
  /** Infeasible where the class cannot go. */
  valueAt(slot: number): number;
}

export interface SharedPlacementOptions {
  readonly cluster: Cluster;
  readonly pod: PodClass;
  readonly local: LocalEvaluation;
  /** Of the shape, up to date. */
  readonly shape: ClassPlacement;
  /** What a node without a replica gets on top. */
  readonly bonus: number;
}

export class SharedPlacement implements Placement {
  readonly rules: readonly WeighedRule[] = [];
  readonly #options: SharedPlacementOptions;

  constructor(options: SharedPlacementOptions) {
    this.#options = options;
  }

  get local(): LocalEvaluation {
    return this.#options.local;
  }

  best(): number | undefined {
    const { cluster, pod, shape, bonus } = this.#options;
    const replicas = cluster.replicasOf(pod.owner);
    if (replicas.size === 0) return shape.best();
    for (const slot of replicas.keys()) shape.override(slot, this.valueAt(slot) - bonus);
    const best = shape.best();
    for (const slot of replicas.keys()) shape.restore(slot);
    return best;
  }

  valueAt(slot: number): number {
    const { cluster, pod, local, shape, bonus } = this.#options;
    const value = shape.valueAt(slot);
    if (value === infeasible || !cluster.replicasOf(pod.owner).has(slot)) return value + bonus;
    const node = cluster.nodeAt(slot);
    return node === undefined ? infeasible : local.score(node);
  }
}
