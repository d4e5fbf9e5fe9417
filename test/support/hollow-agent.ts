import type { Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import { systemClock, toTime } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';

/**
 * Scheduler and node agents for tests of the control plane: binds pods to nodes in turns, reports them Running and
 * Ready (unless `isReady` says no), and ends them when they are deleted. It runs nothing.
 */
export class HollowAgent {
  readonly #client: ApiClient;
  readonly #nodes: readonly string[];
  readonly #informer: Informer<Pod>;
  readonly #isReady: (pod: Pod) => boolean;
  /** Nodes that answer nothing any more. */
  readonly stopped: Set<string> = new Set();
  #bound = 0;
  #reported = 0;

  constructor(options: {
    readonly client: ApiClient;
    readonly nodes: readonly string[];
    readonly isReady?: (pod: Pod) => boolean;
  }) {
    this.#client = options.client;
    this.#nodes = options.nodes;
    this.#isReady = options.isReady ?? (() => true);
    this.#informer = new Informer({
      client: options.client,
      type: pods,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    const follow = (pod: Pod): void => {
      this.#follow(pod).catch((error: unknown) => {
        if (!isNotFound(error) && !isConflict(error)) throw error;
      });
    };
    this.#informer.addHandler({ onAdd: follow, onUpdate: (_previous, pod) => follow(pod) });
  }

  /** Registers the nodes, Ready. */
  async register(): Promise<void> {
    for (const [i, name] of this.#nodes.entries())
      await this.#client.create(nodes, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name },
        spec: {},
        status: {
          addresses: [{ type: 'InternalIP', address: `10.9.0.${i + 1}` }],
          conditions: [{ type: 'Ready', status: 'True', reason: 'KubeletReady', message: 'ready' }],
        },
      });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#informer.run(signal);
  }

  /** Ends the pods of `node` that were deleted while it was stopped. */
  async endDeleted(node: string): Promise<void> {
    for (const pod of this.#informer.lister.list()) if (pod.spec.nodeName === node) await this.#follow(pod);
  }

  async #follow(pod: Pod): Promise<void> {
    const { metadata, spec, status } = pod;
    if (spec.nodeName !== undefined && this.stopped.has(spec.nodeName)) return;
    if (metadata.deletionTimestamp !== undefined) {
      await this.#client.delete(pods, metadata, { gracePeriodSeconds: 0, uid: metadata.uid });
    } else if ((spec.nodeName ?? '') === '') {
      const available = this.#nodes.filter((node) => !this.stopped.has(node));
      const name = onlyNodeOf(pod) ?? available[this.#bound++ % available.length];
      if (name === undefined) return;
      const target = { apiVersion: 'v1', kind: 'Node', name };
      const { namespace } = metadata;
      await this.#client.createSubresource(pods, metadata, 'binding', {
        apiVersion: 'v1',
        kind: 'Binding',
        metadata: { name: metadata.name, namespace },
        target,
      });
    } else if (status?.podIP === undefined) await this.#report(pod);
  }

  async #report(pod: Pod): Promise<void> {
    const now = toTime(systemClock.nowMs());
    const n = this.#reported++ % 60_000;
    const podIP = `10.244.${Math.floor(n / 250)}.${(n % 250) + 2}`;
    const ready = this.#isReady(pod) ? 'True' : 'False';
    const status = {
      phase: 'Running',
      podIP,
      podIPs: [{ ip: podIP }],
      startTime: now,
      conditions: [{ type: 'Ready', status: ready, lastTransitionTime: now }],
    };
    await this.#client.patch(
      pods,
      pod.metadata,
      { type: 'merge', body: { metadata: { uid: pod.metadata.uid }, status } },
      { subresource: 'status' },
    );
  }
}

/** Where a daemon's affinity sends it. */
function onlyNodeOf({ spec }: Pod): string | undefined {
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required?.nodeSelectorTerms[0]?.matchFields?.[0]?.values?.[0];
}
