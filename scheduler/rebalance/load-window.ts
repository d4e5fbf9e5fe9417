/**
 * The load of each node over the last minutes. A node that was in trouble, or has just come, is not steady until the
 * window has been filled anew: who goes away and comes back all the time is never a place to go to.
 */
import type { NodeInfo } from '../framework/node-info.ts';
import { nodeLoad } from './node-load.ts';

interface Sample {
  readonly atMs: number;
  readonly load: number;
}

interface History {
  readonly sinceMs: number;
  samples: Sample[];
  low: number;
  high: number;
}

export class LoadWindow {
  readonly #lengthMs: number;
  #histories = new Map<string, History>();
  #nowMs = 0;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** Looks at all nodes that are well; those that are not are forgotten. */
  observe(nodes: Iterable<NodeInfo>, isWell: (node: NodeInfo) => boolean, nowMs: number): void {
    const histories = new Map<string, History>();
    for (const node of nodes)
      if (isWell(node)) histories.set(node.name, this.#extended(this.#histories.get(node.name), node, nowMs));
    this.#histories = histories;
    this.#nowMs = nowMs;
  }

  isSteady({ name }: NodeInfo): boolean {
    const history = this.#histories.get(name);
    return history !== undefined && this.#nowMs - history.sinceMs >= this.#lengthMs;
  }

  low(node: NodeInfo): number {
    return this.#histories.get(node.name)?.low ?? 0;
  }

  /** Unknown nodes are as full as can be: nothing goes there. */
  high(node: NodeInfo): number {
    return this.#histories.get(node.name)?.high ?? Number.POSITIVE_INFINITY;
  }

  #extended(history: History | undefined, node: NodeInfo, nowMs: number): History {
    const samples = (history?.samples ?? []).filter(({ atMs }) => nowMs - atMs <= this.#lengthMs);
    samples.push({ atMs: nowMs, load: nodeLoad(node) });
    const loads = samples.map(({ load }) => load);
    return {
      sinceMs: history?.sinceMs ?? nowMs,
      samples,
      low: Math.min(...loads),
      high: Math.max(...loads),
    };
  }
}
