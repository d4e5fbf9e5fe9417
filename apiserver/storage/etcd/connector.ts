import { type BackoffPolicy, backoffMs } from '../../../base/backoff.ts';
import { type Clock, delay } from '../../../base/clock.ts';
import { type Random, systemRandom } from '../../../base/random.ts';
import { EtcdConnection, type EtcdTls } from './connection.ts';
import { GrpcError, grpcStatus } from './grpc-error.ts';

const reconnectBackoff: BackoffPolicy = { initialMs: 50, maxMs: 1_000, factor: 2, jitter: 0.5 };

export interface EtcdEndpoints {
  /** `http://` or `https://` with host and port. */
  readonly endpoints: readonly string[];
  readonly tls?: EtcdTls | undefined;
  readonly clock: Clock;
  readonly random?: Random;
}

/**
 * Keeps one connection to one of the members, for one purpose. When it fails, the next member's turn comes; when all
 * have failed, a pause that grows.
 */
export class EtcdConnector {
  readonly #options: EtcdEndpoints;
  #next = 0;
  #failures = 0;
  #current: EtcdConnection | undefined;
  #opening: Promise<EtcdConnection> | undefined;
  #closed = false;

  constructor(options: EtcdEndpoints) {
    this.#options = options;
  }

  get hasAlternatives(): boolean {
    return this.#options.endpoints.length > 1;
  }

  /** @throws GrpcError, not sent, when no member could be reached within `timeoutMs`. */
  async connection(timeoutMs: number): Promise<EtcdConnection> {
    const deadline = this.#options.clock.monotonicMs() + timeoutMs;
    for (;;) {
      if (this.#closed) throw unreachable('the store is closed');
      if (this.#current?.isClosed === false) return this.#current;
      try {
        return await this.#open();
      } catch (error) {
        const { clock, endpoints, random = systemRandom } = this.#options;
        const pauseMs = backoffMs(reconnectBackoff, Math.floor(this.#failures / endpoints.length), random);
        if (this.#closed || clock.monotonicMs() + pauseMs >= deadline) throw error;
        await delay(clock, pauseMs);
      }
    }
  }

  /** `connection` did not answer in time or has no leader: the next call tries another member, if there is one. */
  distrust(connection: EtcdConnection): void {
    if (this.#current !== connection) return;
    if (!this.hasAlternatives) {
      connection.probe();
      return;
    }
    this.#current = undefined;
    this.#next += 1;
    connection.close();
    connection.probe();
  }

  close(): void {
    this.#closed = true;
    this.#current?.destroy();
  }

  #open(): Promise<EtcdConnection> {
    this.#opening ??= this.#openNext().finally(() => {
      this.#opening = undefined;
    });
    return this.#opening;
  }

  async #openNext(): Promise<EtcdConnection> {
    const { endpoints, clock, tls } = this.#options;
    const endpoint = endpoints[this.#next % endpoints.length];
    if (endpoint === undefined) throw unreachable('no etcd endpoint is given');
    try {
      const connection = await EtcdConnection.open(endpoint, { clock, tls });
      if (this.#closed) connection.destroy();
      this.#failures = 0;
      this.#current = connection;
      return connection;
    } catch (error) {
      this.#next += 1;
      this.#failures += 1;
      throw error;
    }
  }
}

function unreachable(message: string): GrpcError {
  return new GrpcError({ status: grpcStatus.unavailable, message, sent: false });
}
