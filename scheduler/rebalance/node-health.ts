/** Which nodes are in trouble, and whether so many that the trouble is rather somewhere else. */
import type { Node } from '../../api/generated/core-v1.ts';

const troubles: ReadonlySet<string> = new Set([
  'coracle.dev/node-dead',
  'coracle.dev/node-suspected',
  'node.kubernetes.io/not-ready',
  'node.kubernetes.io/unreachable',
]);

export class NodeHealth {
  readonly #ill = new Set<string>();
  readonly #known = new Set<string>();
  /** When a node fell ill or came back last. */
  #changedMs = Number.NEGATIVE_INFINITY;

  /** @returns whether the node is in trouble that was not there before */
  see(node: Node, nowMs: number): boolean {
    const { name } = node.metadata;
    this.#known.add(name);
    const [was, is] = [this.#ill.has(name), isIll(node)];
    if (was === is) return false;
    if (is) this.#ill.add(name);
    else this.#ill.delete(name);
    this.#changedMs = nowMs;
    return is;
  }

  /** Only these are left. */
  retain(names: readonly string[], nowMs: number): void {
    const left = new Set(names);
    for (const name of [...this.#known]) if (!left.has(name)) this.forget(name, nowMs);
  }

  forget(name: string, nowMs: number): void {
    this.#known.delete(name);
    if (this.#ill.delete(name)) this.#changedMs = nowMs;
  }

  isWell(name: string): boolean {
    return this.#known.has(name) && !this.#ill.has(name);
  }

  /** Why nothing is moved for now. A third of all nodes at once is not believed, as the detector does not. */
  unrest(settleMs: number, nowMs: number): string | undefined {
    if (this.#ill.size > Math.max(1, Math.floor(this.#known.size / 3)))
      return `${this.#ill.size} of ${this.#known.size} nodes are in trouble`;
    if (nowMs - this.#changedMs < settleMs) return 'a node has just fallen ill or come back';
    return undefined;
  }
}

/** Not ready, or marked as lost. */
export function isIll({ spec, status }: Node): boolean {
  const ready = status?.conditions?.find(({ type }) => type === 'Ready');
  return (
    (ready !== undefined && ready.status !== 'True') ||
    (spec?.taints ?? []).some(({ key }) => troubles.has(key))
  );
}
