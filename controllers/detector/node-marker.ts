import type { Node, NodeCondition } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import type { Informer } from '../../client/informer.ts';
import { ReconcileLoop } from '../loop.ts';
import { nodeCondition } from '../node-state.ts';
import type { Verdict } from './judge.ts';
import { guardAnnotation, type Mark, planMarks } from './plan-marks.ts';

/** Nodes written at the same time at most. */
const workers = 32;
/** A write that lost against another is planned again on the newest object, this often without a pause. */
const maxTries = 5;

export interface NodeMarkerOptions {
  readonly client: ApiClient;
  readonly nodes: Informer<Node>;
  readonly verdictOf: (node: string) => Verdict;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Makes Node objects show the detector's verdicts, and keeps them so until the verdict changes. */
export class NodeMarker {
  readonly #options: NodeMarkerOptions;
  readonly #loop: ReconcileLoop;
  /** Ready conditions that we replaced by Unknown; dropped when the node is declared dead. */
  readonly #readyBefore = new Map<string, NodeCondition>();

  constructor(options: NodeMarkerOptions) {
    this.#options = options;
    this.#loop = new ReconcileLoop({
      ...options,
      name: 'node-marker',
      workers,
      needs: [options.nodes],
      sync: (name) => this.#sync(name),
    });
  }

  enqueue(node: string): void {
    this.#loop.enqueue(node);
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(name: string): Promise<undefined> {
    let node = this.#options.nodes.lister.get(undefined, name);
    for (let tries = 0; node !== undefined && tries < maxTries; tries += 1) {
      const verdict = this.#options.verdictOf(name);
      const [mark] = this.#plan(node, verdict);
      if (mark === undefined) return;
      node = await this.#apply(node, verdict, mark);
    }
    if (node !== undefined) this.#loop.enqueueAfter(name, 100);
  }

  #plan(node: Node, verdict: Verdict): readonly Mark[] {
    const { name } = node.metadata;
    if (verdict === 'dead') this.#readyBefore.delete(name);
    const readyBefore = this.#readyBefore.get(name);
    return planMarks({ node, verdict, readyBefore, nowMs: this.#options.clock.nowMs() });
  }

  /** @returns the Node after the write, or as it is now when the write came too late */
  async #apply(node: Node, verdict: Verdict, mark: Mark): Promise<Node | undefined> {
    try {
      return await this.#write(node, verdict, mark);
    } catch (error) {
      if (isNotFound(error)) return undefined;
      if (!isConflict(error)) throw error;
      return await this.#options.client.get(nodes, { name: node.metadata.name });
    }
  }

  #write(node: Node, verdict: Verdict, mark: Mark): Promise<Node> {
    const { client, logger } = this.#options;
    const { name, uid, resourceVersion } = node.metadata;
    logger.info({ node: name, verdict, mark: mark.kind }, 'mark node');
    switch (mark.kind) {
      case 'conditions': {
        const ready = nodeCondition(node, 'Ready');
        if (verdict === 'silent' && ready !== undefined && ready.status !== 'Unknown')
          this.#readyBefore.set(name, ready);
        const body = { metadata: { uid }, status: { conditions: mark.conditions } };
        return client.patch(nodes, { name }, { type: 'strategic', body }, { subresource: 'status' });
      }
      case 'taints': {
        // The list is one value: it is written against the version that it was planned on.
        const body = { metadata: { uid, resourceVersion }, spec: { taints: mark.taints } };
        return client.patch(nodes, { name }, { type: 'merge', body });
      }
      case 'annotate': {
        const body = { metadata: { uid, annotations: { [guardAnnotation]: 'beating' } } };
        return client.patch(nodes, { name }, { type: 'merge', body });
      }
    }
  }
}
