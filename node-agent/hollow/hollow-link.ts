import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2';
import type { ClientConfig } from '../../client/client-config.ts';
import { Connection, type ConnectionOptions } from '../../client/connection.ts';
import { TransportError } from '../../client/transport-error.ts';

/**
 * A node's own connection to the API, an agent's but for the switch. Switched off, it is closed and nothing is sent or
 * read: what wants to be sent waits, as it waits in an agent that reaches nobody.
 */
export class HollowLink {
  readonly #options: Omit<ConnectionOptions, 'config'>;
  #config: ClientConfig;
  #connection: Connection | undefined;
  readonly #waiting = new Set<() => void>();

  constructor({ config, ...options }: ConnectionOptions) {
    this.#options = options;
    this.#config = config;
    this.#connection = undefined;
  }

  get isAnswered(): boolean {
    return this.#connection?.isAnswered === true;
  }

  switchOn(): void {
    if (this.#connection !== undefined) return;
    this.#connection = new Connection({ ...this.#options, config: this.#config });
    for (const wake of [...this.#waiting]) wake();
  }

  switchOff(): void {
    this.#connection?.close();
    this.#connection = undefined;
  }

  /** @throws TransportError */
  async session(signal: AbortSignal): Promise<ClientHttp2Session> {
    while (this.#connection === undefined) {
      if (signal.aborted) throw new TransportError(`connect to ${this.#config.server}: the node is cut off`);
      await this.#switchedOn(signal);
    }
    return this.#connection.session(signal);
  }

  trackRepeatable(session: ClientHttp2Session, stream: ClientHttp2Stream): void {
    this.#connection?.trackRepeatable(session, stream);
  }

  trackAwaited(stream: ClientHttp2Stream, until: 'close' | 'response'): void {
    this.#connection?.trackAwaited(stream, until);
  }

  /** Goes over to another certificate, as `Connection.renew`. */
  async renew(config: ClientConfig): Promise<void> {
    this.#config = config;
    await this.#connection?.renew(config);
  }

  #switchedOn(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}
