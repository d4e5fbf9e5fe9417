/**
 * The value of every node for a class of pods that looks at no other pods but its owner's replicas. Such classes
 * differ in owner, labels and namespace only; those alike in the rest share one tree, which knows of no replicas. What
 * replicas make of a node comes on top while the best is looked for: the best nodes of the tree are looked at until no
 * other can be better. Where most nodes have replicas that would be many: such a class gets a tree of its own.
 *
 * Cost: a thousand Deployments with the same requests are as cheap as one.
 */
import type { LocalEvaluation, WeighedRule } from '../framework/evaluate.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { infeasible } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { ClassPlacement } from './class-placement.ts';
import type { Cluster } from './cluster.ts';

export interface Placement {
  /** In the order in which they are asked. */
  readonly rules: readonly WeighedRule[];
  readonly local: LocalEvaluation;
  /** The best node's slot; undefined when none will do. */
  best(): number | undefined;
  /** Infeasible where the class cannot go. */
  valueAt(slot: number): number;
}

/** Nodes that are looked at before a class is told to have a tree of its own. */
const maxLooked = 64;

export interface SharedPlacementOptions {
  readonly cluster: Cluster;
  readonly pod: PodClass;
  readonly local: LocalEvaluation;
  /** Of the shape, up to date. */
  readonly shape: ClassPlacement;
  /** What a node without a replica gets on top. */
  readonly bonus: number;
  /** What a node gets on top. */
  readonly ownerScore: (pod: PodClass, node: NodeInfo) => number;
  /** The class's own placement, up to date. */
  readonly own: () => Placement;
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
    const extraOf = (slot: number): number => this.#extraOf(slot, replicas);
    const best = shape.bestWith({ extraOf, mostExtra: bonus, limit: maxLooked });
    return best === 'too many' ? this.#options.own().best() : best;
  }

  valueAt(slot: number): number {
    const { cluster, pod, shape } = this.#options;
    return shape.valueAt(slot) + this.#extraOf(slot, cluster.replicasOf(pod.owner));
  }

  #extraOf(slot: number, replicas: ReadonlyMap<number, number>): number {
    const { cluster, pod, bonus, ownerScore } = this.#options;
    if (!replicas.has(slot)) return bonus;
    const node = cluster.nodeAt(slot);
    return node === undefined ? infeasible : ownerScore(pod, node);
  }
}
