import type { RawRequest } from '../../client/client.ts';
import { decodeJson } from '../../client/response.ts';

/** A change of a service comes to thousands of nodes within a second or so; as many changes are remembered. */
const rememberedChanges = 1_024;
/** A node that joins changes as a peer: it has an address, then a pod range. */
const versionsPerPeer = 2;

/**
 * Decodes lines of watches, alike ones once: all nodes of a process read the same peers and the same changes of services
 * and endpoints, each from a stream of its own. Who reads them does not change them.
 */
export class SharedLines {
  readonly #decoded = new Map<string, unknown>();
  readonly #maxRemembered: number;

  /** @param nodeCount as many peers each node reads when it boots */
  constructor(nodeCount: number) {
    this.#maxRemembered = rememberedChanges + versionsPerPeer * nodeCount;
  }

  readonly decode = <V>(request: Pick<RawRequest, 'method' | 'path'>, line: string): V => {
    const known = this.#decoded.get(line);
    if (known !== undefined) return known as V;
    const fresh = decodeJson<V>(request, line);
    this.#decoded.set(line, fresh);
    if (this.#decoded.size > this.#maxRemembered) this.#forgetOldest();
    return fresh;
  };

  #forgetOldest(): void {
    for (const oldest of this.#decoded.keys()) {
      this.#decoded.delete(oldest);
      return;
    }
  }
}
