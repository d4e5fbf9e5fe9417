import type { BodyStream } from '../../client/transport.ts';
import { TransportError } from '../../client/transport-error.ts';
import { ServerEnd } from './server-end.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface WireStreamOptions {
  readonly client: SimulatedProcess;
  readonly server: SimulatedProcess;
  readonly latencyMs: () => number;
  readonly onHead: (status: number) => void;
  readonly onBroken: (error: TransportError) => void;
  readonly observe: ((bytes: Buffer) => void) | undefined;
  readonly onClose: () => void;
}

type Item = { readonly bytes: Buffer } | { readonly end: TransportError | undefined };

/** A response body on its way. What was sent before it breaks may still arrive, in order; nothing after. */
export class WireStream implements BodyStream {
  readonly #options: WireStreamOptions;
  readonly #items: Item[] = [];
  readonly serverEnd: ServerEnd;
  #wake: (() => void) | undefined;
  #lastArrivalMs = 0;
  #open = true;
  #status = 0;

  constructor(options: WireStreamOptions) {
    this.#options = options;
    this.serverEnd = new ServerEnd({
      head: (status) => {
        this.#status = status;
        this.#send(() => options.onHead(status));
      },
      chunk: (bytes) => {
        if (this.#status === 200) options.observe?.(bytes);
        this.#send(() => this.#put({ bytes }));
      },
      end: () => {
        this.#send(() => this.#put({ end: undefined }));
        this.#close();
      },
    });
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get client(): SimulatedProcess {
    return this.#options.client;
  }

  get server(): SimulatedProcess {
    return this.#options.server;
  }

  /** The client wants no more of it. */
  destroy(): void {
    this.#put({ end: undefined });
    if (!this.#open) return;
    this.#close();
    this.#options.server.arrive(this.#options.latencyMs(), () => this.serverEnd.close());
  }

  /** The connection breaks: the server knows at once, the client after a while. */
  breakOff(clientLearnsAfterMs: number): void {
    if (!this.#open) return;
    this.#close();
    this.#options.server.arrive(0, () => this.serverEnd.close());
    const error = new TransportError('the stream broke');
    this.#options.client.arrive(clientLearnsAfterMs, () => {
      this.#options.onBroken(error);
      this.#put({ end: error });
    });
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for (;;) {
      const item = this.#items.shift();
      if (item === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else if ('bytes' in item) yield item.bytes;
      else if (item.end === undefined) return;
      else throw item.end;
    }
  }

  #send(arrive: () => void): void {
    if (!this.#open) return;
    const { client, latencyMs } = this.#options;
    const nowMs = client.monotonicMs();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + latencyMs());
    client.arrive(this.#lastArrivalMs - nowMs, arrive);
  }

  #put(item: Item): void {
    this.#items.push(item);
    const wake = this.#wake;
    this.#wake = undefined;
    wake?.();
  }

  #close(): void {
    this.#open = false;
    this.#options.onClose();
  }
}
