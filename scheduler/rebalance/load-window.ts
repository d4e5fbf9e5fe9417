/**
 * The least and the greatest load of each node over the last minutes: over one window at least, and less than two. A
 * node that was in trouble, or has just come, is not steady until a window is over: who goes away and comes back all
 * the time is never a place to go to. Costs a comparison a node and look.
 */
import type { NodeInfo } from '../framework/node-info.ts';
import { nodeLoad } from './node-load.ts';

interface Range {
  low: number;
  high: number;
}

interface History {
  readonly sinceMs: number;
  /** The window that is being filled began then. */
  windowMs: number;
  current: Range;
  previous: Range;
  seenMs: number;
}

const nothing = (): Range => ({ low: Number.POSITIVE_INFINITY, high: Number.NEGATIVE_INFINITY });

export class LoadWindow {
  readonly #lengthMs: number;
  readonly #histories = new Map<string, History>();
  #nowMs = 0;

  constructor(lengthMs: number) {
    this.#lengthMs = lengthMs;
  }

  /** Looks at all nodes that are well; those that are not are forgotten. */
  observe(nodes: Iterable<NodeInfo>, isWell: (node: NodeInfo) => boolean, nowMs: number): void {
    this.#nowMs = nowMs;
    for (const node of nodes) if (isWell(node)) this.#see(node);
    for (const [name, { seenMs }] of this.#histories) if (seenMs !== nowMs) this.#histories.delete(name);
  }

  isSteady({ name }: NodeInfo): boolean {
    const history = this.#histories.get(name);
    return history !== undefined && this.#nowMs - history.sinceMs >= this.#lengthMs;
  }

  low({ name }: NodeInfo): number {
    const history = this.#histories.get(name);
    return history === undefined ? 0 : Math.min(history.current.low, history.previous.low);
  }

  /** Unknown nodes are as full as can be: nothing goes there. */
  high({ name }: NodeInfo): number {
    const history = this.#histories.get(name);
    return history === undefined
      ? Number.POSITIVE_INFINITY
      : Math.max(history.current.high, history.previous.high);
  }

  #see(node: NodeInfo): void {
    const history = this.#histories.get(node.name) ?? this.#begin(node.name);
    if (this.#nowMs - history.windowMs >= this.#lengthMs) {
      history.previous = history.current;
      history.current = nothing();
      history.windowMs = this.#nowMs;
    }
    const load = nodeLoad(node);
    history.current.low = Math.min(history.current.low, load);
    history.current.high = Math.max(history.current.high, load);
    history.seenMs = this.#nowMs;
  }

  #begin(name: string): History {
    const begun = { sinceMs: this.#nowMs, windowMs: this.#nowMs, seenMs: this.#nowMs };
    const history: History = { ...begun, current: nothing(), previous: nothing() };
    this.#histories.set(name, history);
    return history;
  }
}
