import type { Change } from '../history.ts';
import type { StoredNode } from './bindings.ts';
import type { CheckContext, Checker } from './checker.ts';

/** No two nodes share a pod range, and none is given another. */
export class PodCidrChecker implements Checker {
  readonly #context: CheckContext;

  constructor(context: CheckContext) {
    this.#context = context;
  }

  observe({ resource, before, after }: Change): void {
    if (resource !== '/nodes' || after === undefined) return;
    const { metadata, spec } = after as StoredNode;
    const was = (before as StoredNode | undefined)?.spec.podCIDR;
    const is = spec?.podCIDR;
    if (was === is) return;
    if (was !== undefined) this.#context.violate('pod CIDRs', `${metadata.name}: ${was} became ${is}`);
    const same = this.#context.history
      .all<StoredNode>('/nodes')
      .filter((node) => is !== undefined && node.spec?.podCIDR === is);
    if (same.length > 1)
      this.#context.violate('pod CIDRs', `${is}: ${same.map((node) => node.metadata.name).join(', ')}`);
  }
}
