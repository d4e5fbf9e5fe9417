/**
 * For each class of pods the score of every node, kept up to date by the cluster's change log: placing a pod changes
 * one node, so the next pod of the class costs one evaluation instead of one per node.
 *
 * Only for pods whose placement looks at one node at a time. Cost: 16 bytes a node and class, for the classes used
 * last.
 */
import { filterNode, scoreNode } from '../framework/evaluate.ts';
import type { PluginSet } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { Cluster } from './cluster.ts';
import { infeasible, ScoreTree } from './score-tree.ts';

const maxClasses = 64;

interface ClassScores {
  readonly tree: ScoreTree;
  position: number;
}

export class PlacementIndex {
  readonly #cluster: Cluster;
  readonly #plugins: PluginSet;
  readonly #classes = new Map<PodClass, ClassScores>();

  constructor(cluster: Cluster, plugins: PluginSet) {
    this.#cluster = cluster;
    this.#plugins = plugins;
  }

  /** The up-to-date scores of all slots for `pod`. */
  scoresFor(pod: PodClass): ScoreTree {
    const scores = this.#touch(pod);
    const changed = this.#cluster.changes.since(scores.position);
    if (changed === undefined || scores.tree.capacity < this.#cluster.slotCount) this.#rebuild(pod, scores);
    else for (const slot of new Set(changed)) scores.tree.set(slot, this.#evaluate(pod, slot));
    scores.position = this.#cluster.changes.position;
    return scores.tree;
  }

  #touch(pod: PodClass): ClassScores {
    const scores = this.#classes.get(pod) ?? { tree: new ScoreTree(), position: -1 };
    this.#classes.delete(pod);
    this.#classes.set(pod, scores);
    for (const oldest of this.#classes.keys()) {
      if (this.#classes.size <= maxClasses) break;
      this.#classes.delete(oldest);
    }
    return scores;
  }

  #rebuild(pod: PodClass, scores: ClassScores): void {
    const slots = this.#cluster.slotCount;
    scores.tree.reset(slots);
    for (let slot = 0; slot < slots; slot += 1) scores.tree.set(slot, this.#evaluate(pod, slot));
  }

  #evaluate(pod: PodClass, slot: number): number {
    const node = this.#cluster.nodeAt(slot);
    if (node === undefined || filterNode(this.#plugins, pod, node) !== undefined) return infeasible;
    return scoreNode(this.#plugins, pod, node);
  }
}
