/**
 * The agent's Node: created when it is missing, its status written when it changes and every five minutes. A change by
 * someone else (the node was judged unreachable while it was cut off) is corrected at once.
 */
import { arch } from 'node:os';
import type { Node, NodeStatus } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { essenceOf, resourcesPatch } from './node-status.ts';
import { canonical } from './status-patch.ts';

const heartbeatPeriodMs = 5 * 60_000;
/** How often memory, disk and images are looked at. */
const readingPeriodMs = 10_000;
const retryBackoff: BackoffPolicy = { initialMs: 100, maxMs: 5_000, factor: 2, jitter: 0.3 };

export interface NodeRegistrationOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'patch'>;
  readonly nodeName: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** The node as the informer has it. */
  readonly known: () => Node | undefined;
  readonly read: (previous: NodeStatus | undefined) => Promise<NodeStatus>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class NodeRegistration {
  readonly #options: NodeRegistrationOptions;
  #node: Node | undefined;
  #writtenAtMs = 0;
  #wake: (() => void) | undefined;
  #isWoken = false;
  readonly #registered = Promise.withResolvers<void>();

  constructor(options: NodeRegistrationOptions) {
    this.#options = options;
  }

  /** The newest state of the node that is known here. */
  get node(): Node | undefined {
    const known = this.#options.known();
    if (known === undefined || this.#node === undefined) return known ?? this.#node;
    return BigInt(known.metadata.resourceVersion) >= BigInt(this.#node.metadata.resourceVersion)
      ? known
      : this.#node;
  }

  /** Resolves when the Node exists and carries our status. */
  get registered(): Promise<void> {
    return this.#registered.promise;
  }

  /** Something that the status tells of has changed. */
  wake(): void {
    this.#isWoken = true;
    this.#wake?.();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, random, logger } = this.#options;
    for (let failures = 0; !signal.aborted; ) {
      this.#isWoken = false;
      try {
        await this.#sync();
        if (this.#writtenAtMs > 0) this.#registered.resolve();
        failures = 0;
        await this.#pause(readingPeriodMs, signal);
      } catch (error) {
        logger.warn({ err: error }, 'write the node');
        await delay(clock, backoffMs(retryBackoff, failures, random), signal);
        failures += 1;
      }
    }
  }

  async #sync(): Promise<void> {
    if (this.node === undefined) return this.#register();
    const current = this.node;
    await this.#ensureMetadata(current);
    const status = await this.#options.read(current.status);
    const hasChanged = canonical(essenceOf(status)) !== canonical(essenceOf(current.status ?? {}));
    const isDue = this.#options.clock.monotonicMs() - this.#writtenAtMs >= heartbeatPeriodMs;
    if (hasChanged || isDue || this.#writtenAtMs === 0) await this.#write(status, current.status);
  }

  /** @param read what `status` was made of */
  async #write(status: NodeStatus, read: NodeStatus | undefined): Promise<void> {
    const { client, nodeName, clock } = this.#options;
    try {
      const { addresses, ...rest } = status;
      const body = {
        status: {
          ...{ ...rest, ...resourcesPatch(status, read) },
          addresses: [...(addresses ?? []), { $patch: 'replace' }],
        },
      };
      this.#node = await client.patch(
        nodes,
        { name: nodeName },
        { type: 'strategic', body },
        { subresource: 'status' },
      );
      this.#writtenAtMs = clock.monotonicMs();
    } catch (error) {
      if (!isNotFound(error)) throw error;
      // Deleted by someone while we run: register again.
      this.#node = undefined;
      await this.#register();
    }
  }

  async #register(): Promise<void> {
    const { client, nodeName, clock, logger } = this.#options;
    const status = await this.#options.read(undefined);
    try {
      this.#node = await client.create(nodes, {
        apiVersion: 'v1',
        kind: 'Node',
        metadata: { name: nodeName, labels: this.#labels(), annotations: this.#options.annotations },
        spec: {},
        status,
      });
      this.#writtenAtMs = clock.monotonicMs();
      logger.info({ node: nodeName }, 'node registered');
    } catch (error) {
      if (!isAlreadyExists(error)) throw error;
      this.#node = await client.get(nodes, { name: nodeName });
    }
    this.wake();
  }

  async #ensureMetadata({ metadata }: Node): Promise<void> {
    const labels = missingIn(metadata.labels, this.#labels());
    const annotations = missingIn(metadata.annotations, this.#options.annotations ?? {});
    if (labels.length + annotations.length === 0) return;
    const body = {
      metadata: { labels: Object.fromEntries(labels), annotations: Object.fromEntries(annotations) },
    };
    const { client, nodeName } = this.#options;
    this.#node = await client.patch(nodes, { name: nodeName }, { type: 'merge', body });
  }

  #labels(): Record<string, string> {
    const { nodeName, labels } = this.#options;
    const architecture = arch() === 'arm64' ? 'arm64' : 'amd64';
    return {
      'kubernetes.io/hostname': nodeName,
      'kubernetes.io/os': 'linux',
      'kubernetes.io/arch': architecture,
      'beta.kubernetes.io/os': 'linux',
      'beta.kubernetes.io/arch': architecture,
      ...labels,
    };
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    if (this.#isWoken) return;
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await delay(this.#options.clock, ms, AbortSignal.any([signal, woken.signal]));
    this.#wake = undefined;
  }
}

const missingIn = (
  present: Readonly<Record<string, string>> | undefined,
  wanted: Readonly<Record<string, string>>,
): [string, string][] => Object.entries(wanted).filter(([key, value]) => present?.[key] !== value);
