import { type LocalEvaluation, prepareLocal, weighRules } from '../framework/evaluate.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import { maxScore, type NodeScore, type PluginSet } from '../framework/plugin.ts';
import type { PodClass } from '../framework/pod-class.ts';
import { shapeKeyOf, shapeOf } from '../framework/pod-shape.ts';
import { ClassPlacement } from './class-placement.ts';
import type { Cluster } from './cluster.ts';
import { type Placement, SharedPlacement } from './shared-placement.ts';

/** Classes whose nodes' values are kept, the most recently used: some 40 bytes a node and class. */
const maxClasses = 128;
/** An owner with replicas on a greater share of all nodes gets a tree of its own, unless the nodes are few. */
const maxSharedShare = 0.5;
const fewNodes = 64;
const maxShapes = 1_024;

interface Memo {
  readonly local: LocalEvaluation;
  readonly shapeKey: string;
  rulesVersion: number;
  hasRules: boolean;
}

/** The up-to-date value of every node, by class of pods. */
export class PlacementIndex {
  readonly #cluster: Cluster;
  readonly #plugins: PluginSet;
  /** For shapes: no plugin that looks at other nodes. */
  readonly #localPlugins: PluginSet;
  readonly #ownerScores: readonly NodeScore[];
  readonly #ownerBonus: number;
  readonly #classes = new Map<PodClass, ClassPlacement>();
  readonly #memos = new WeakMap<PodClass, Memo>();
  readonly #shapes = new Map<string, PodClass>();
  #last: PodClass | undefined;

  constructor(cluster: Cluster, plugins: PluginSet) {
    this.#cluster = cluster;
    this.#plugins = plugins;
    this.#localPlugins = { ...plugins, domainPlugins: [] };
    this.#ownerScores = plugins.nodeScores.filter(({ countsReplicas }) => countsReplicas === true);
    this.#ownerBonus = this.#ownerScores.reduce((sum, { weight }) => sum + weight * maxScore, 0);
  }

  placementOf(pod: PodClass): Placement {
    const memo = this.#memoOf(pod);
    const { local, shapeKey } = memo;
    const own = (): ClassPlacement => this.#refreshed(pod, this.#plugins);
    if (this.#hasRules(pod, memo) || this.#isSpreadWide(pod)) return own();
    const shape = this.#refreshed(this.#shape(pod, shapeKey), this.#localPlugins);
    const bonus = pod.owner === undefined ? 0 : this.#ownerBonus;
    return new SharedPlacement({
      ...{ cluster: this.#cluster, pod, local, shape, bonus, own },
      ownerScore: (podClass, node) => this.#ownerScore(podClass, node),
    });
  }

  #isSpreadWide({ owner }: PodClass): boolean {
    const { size } = this.#cluster.replicasOf(owner);
    return size > fewNodes && size > maxSharedShare * this.#cluster.nodeCount;
  }

  #ownerScore(pod: PodClass, node: NodeInfo): number {
    let total = 0;
    for (const { weight, score } of this.#ownerScores) total += weight * score(pod, node);
    return total;
  }

  /** The plugins that look at one node only. */
  localOf(pod: PodClass): LocalEvaluation {
    return this.#memoOf(pod).local;
  }

  #memoOf(pod: PodClass): Memo {
    const known = this.#memos.get(pod);
    if (known !== undefined) return known;
    const local = prepareLocal(this.#plugins, pod);
    const memo = { local, shapeKey: shapeKeyOf(pod), rulesVersion: -1, hasRules: false };
    this.#memos.set(pod, memo);
    return memo;
  }

  #hasRules(pod: PodClass, memo: Memo): boolean {
    const { counters } = this.#cluster;
    if (memo.rulesVersion !== counters.version) {
      memo.hasRules = weighRules(this.#plugins, pod, counters).length > 0;
      memo.rulesVersion = counters.version;
    }
    return memo.hasRules;
  }

  #shape(pod: PodClass, key: string): PodClass {
    const known = this.#shapes.get(key);
    if (known !== undefined) return known;
    if (this.#shapes.size >= maxShapes) this.#shapes.clear();
    const shape = shapeOf(pod, key);
    this.#shapes.set(key, shape);
    return shape;
  }

  #refreshed(pod: PodClass, plugins: PluginSet): ClassPlacement {
    const placement = this.#classes.get(pod) ?? this.#create(pod, plugins);
    if (pod !== this.#last) {
      this.#classes.delete(pod);
      this.#classes.set(pod, placement);
      this.#last = pod;
    }
    placement.refresh();
    return placement;
  }

  #create(pod: PodClass, plugins: PluginSet): ClassPlacement {
    const [oldest] = this.#classes;
    if (oldest !== undefined && this.#classes.size >= maxClasses) {
      this.#classes.delete(oldest[0]);
      oldest[1].release();
    }
    return new ClassPlacement(this.#cluster, plugins, pod, prepareLocal(plugins, pod));
  }
}
