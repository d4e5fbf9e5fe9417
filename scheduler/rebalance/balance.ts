/** What rebalancing remembers and decides, without doing anything: time comes in as an argument. */
import type { Cluster, PlacedPod } from '../cache/cluster.ts';
import type { NodeInfo } from '../framework/node-info.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { SchedulingContext } from '../schedule.ts';
import { Arrivals } from './arrivals.ts';
import { LoadWindow } from './load-window.ts';
import { type Move, nextMove } from './next-move.ts';

/** Nodes whose pods are looked at in one search; the others have their turn in the next ones. */
const maxSources = 250;
/** A pod that cannot be moved, or whose move came to nothing, is asked about again after this time. */
const forgetRefusalMs = 10 * 60_000;
const maxRefusals = 20_000;

export interface BalanceOptions {
  readonly cluster: Cluster;
  /** For how long a node must have been well, and a load must have lasted. */
  readonly settleMs: number;
  readonly contextOf: (pod: PodClass) => SchedulingContext | undefined;
  /** Ready, and not about to go. */
  readonly isWell: (node: NodeInfo) => boolean;
}

export class Balance {
  readonly #options: BalanceOptions;
  readonly #window: LoadWindow;
  readonly #arrivals = new Arrivals();
  readonly #refused = new Map<string, number>();
  #nowMs = 0;
  /** Goes round, from search to search. */
  #nextSource = -1;

  constructor(options: BalanceOptions) {
    this.#options = options;
    this.#window = new LoadWindow(options.settleMs);
  }

  /** Takes note of all loads; to be called again and again. */
  observe(nowMs: number): void {
    const { cluster, isWell } = this.#options;
    this.#nowMs = nowMs;
    this.#window.observe(cluster.nodes, isWell, nowMs);
    for (const [key, untilMs] of this.#refused) if (untilMs <= nowMs) this.#refused.delete(key);
  }

  /** The move that helps most, if any is clearly worth it. */
  next(): Move | undefined {
    const { cluster, contextOf } = this.#options;
    return nextMove({
      cluster,
      contextOf,
      sources: this.#sources(),
      mayLeave: (pod) => this.#mayLeave(pod),
      mayGo: (_pod, to) => this.#window.isSteady(to),
      lowLoad: (node) => this.#window.low(node),
      highLoad: (node) => this.#window.high(node),
    });
  }

  moved({ pod, to }: Pick<Move, 'pod' | 'to'>): void {
    this.#arrivals.record(pod.podClass.owner ?? '', to, this.#nowMs);
  }

  /** Not this one for a while; with `owner`, none of its owner's pods. */
  refuse({ uid, podClass }: PlacedPod, what: 'pod' | 'owner'): void {
    const key = what === 'pod' ? uid : (podClass.owner ?? uid);
    this.#refused.set(key, this.#nowMs + forgetRefusalMs);
    const [oldest] = this.#refused.keys();
    if (oldest !== undefined && this.#refused.size > maxRefusals) this.#refused.delete(oldest);
  }

  #mayLeave({ uid, podClass, nodeName }: PlacedPod): boolean {
    const { owner = '' } = podClass;
    if (this.#refused.has(uid) || this.#refused.has(owner)) return false;
    return !this.#arrivals.rests(owner, nodeName, this.#nowMs);
  }

  #sources(): readonly NodeInfo[] {
    const { cluster } = this.#options;
    const sources: NodeInfo[] = [];
    const { slotCount } = cluster;
    for (let i = 0; i < slotCount && sources.length < maxSources; i += 1) {
      this.#nextSource = (this.#nextSource + 1) % slotCount;
      const node = cluster.nodeAt(this.#nextSource);
      if (node !== undefined && !node.unschedulable && this.#window.isSteady(node)) sources.push(node);
    }
    return sources;
  }
}
