import type { Node } from '../../api/generated/core-v1.ts';
import { isNodeReady, nodeHealth } from '../node-state.ts';

/**
 * How many nodes live, and how many of them are not Ready: counted along, for the question comes with each change of
 * any node. By name, for what a deletion shows need not be what was counted.
 */
export class NodeCensus {
  /** Whether each living node is unwell. */
  readonly #living = new Map<string, boolean>();
  #unwell = 0;

  get living(): number {
    return this.#living.size;
  }

  get unwell(): number {
    return this.#unwell;
  }

  /** Notes the node as it is now. */
  count(node: Node): void {
    this.remove(node.metadata.name);
    if (nodeHealth(node) === 'dead') return;
    const isUnwell = !isNodeReady(node);
    this.#living.set(node.metadata.name, isUnwell);
    if (isUnwell) this.#unwell += 1;
  }

  remove(name: string): void {
    if (this.#living.get(name) === true) this.#unwell -= 1;
    this.#living.delete(name);
  }
}
