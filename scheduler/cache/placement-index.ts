import { type LocalEvaluation, prepareLocal } from '../framework/evaluate.ts';
import type { PluginSet } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { ClassPlacement } from './class-placement.ts';
import type { Cluster } from './cluster.ts';

/** Classes whose nodes' values are kept, the most recently used: some 40 bytes a node and class. */
const maxClasses = 128;

/** The up-to-date value of every node, by class of pods. */
export class PlacementIndex {
  readonly #cluster: Cluster;
  readonly #plugins: PluginSet;
  readonly #classes = new Map<PodClass, ClassPlacement>();
  /** For classes that are asked about one node only. */
  readonly #locals = new WeakMap<PodClass, LocalEvaluation>();
  #last: PodClass | undefined;

  constructor(cluster: Cluster, plugins: PluginSet) {
    this.#cluster = cluster;
    this.#plugins = plugins;
  }

  placementOf(pod: PodClass): ClassPlacement {
    const placement = this.#classes.get(pod) ?? this.#create(pod);
    if (pod !== this.#last) {
      this.#classes.delete(pod);
      this.#classes.set(pod, placement);
      this.#last = pod;
    }
    placement.refresh();
    return placement;
  }

  /** The plugins that look at one node only. */
  localOf(pod: PodClass): LocalEvaluation {
    const known = this.#locals.get(pod);
    if (known !== undefined) return known;
    const local = prepareLocal(this.#plugins, pod);
    this.#locals.set(pod, local);
    return local;
  }

  #create(pod: PodClass): ClassPlacement {
    const [oldest] = this.#classes;
    if (oldest !== undefined && this.#classes.size >= maxClasses) {
      this.#classes.delete(oldest[0]);
      oldest[1].release();
    }
    return new ClassPlacement(this.#cluster, this.#plugins, pod, this.localOf(pod));
  }
}
