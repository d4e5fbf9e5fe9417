/**
 * The network between clients and API servers: requests, answers and watch streams, with the faults that networks and
 * processes have. Stands where the real client has its HTTP/2 connection.
 *
 * What is sent may come late, not at all, or be carried out without the sender ever learning of it; a stream may break
 * for both ends, or for the server long before the client notices. Within a stream the order is kept.
 */
import type { UserInfo } from '../../apiserver/registry/strategy.ts';
import type { Random } from '../../base/random.ts';
import type { RawRequest, RawResponse } from '../../client/client.ts';
import type { RequestTransport, StreamingResponse } from '../../client/transport.ts';
import { TransportError } from '../../client/transport-error.ts';
import { ServerEnd } from './server-end.ts';
import type { SimulatedApiServer } from './simulated-api-server.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { WireStream } from './wire-stream.ts';

/** As the real client's. */
const requestTimeoutMs = 30_000;
/** A client whose server does not answer its pings takes the connection for broken. */
const noticedAfterMs = 10_000;
const refusedAfterMs = 5;

export interface WireFaults {
  /** Chance that a request never arrives, that its answer never does, that either takes up to `slowMs` longer. */
  lostRequests: number;
  lostAnswers: number;
  slow: number;
  slowMs: number;
}

export const noWireFaults = (): WireFaults => ({ lostRequests: 0, lostAnswers: 0, slow: 0, slowMs: 0 });

/** Told of all that passes, for checks. It must not disturb. */
export interface WireObserver {
  sent(request: RawRequest, client: string): ((response: RawResponse) => void) | undefined;
  opened(request: RawRequest, client: string): ((bytes: Buffer) => void) | undefined;
}

export interface WireOptions {
  readonly random: Random;
  readonly faults: WireFaults;
  readonly servers: () => readonly SimulatedApiServer[];
  readonly observer: WireObserver;
}

export class Wire {
  readonly options: WireOptions;
  readonly streams: Set<WireStream> = new Set();
  /** Processes that reach nobody. */
  readonly cutOff: Set<SimulatedProcess> = new Set();

  constructor(options: WireOptions) {
    this.options = options;
  }

  connect(client: SimulatedProcess, user: UserInfo): RequestTransport {
    return new Line(this, client, user);
  }

  /** Breaks each stream with the given chance; its client notices within `noticeMs`. */
  cutStreams(chance: number, noticeMs: number): void {
    const { random } = this.options;
    for (const stream of [...this.streams])
      if (random.next() < chance) stream.breakOff(random.next() * noticeMs);
  }

  /** `process` reaches nobody and nobody it, until `heal`. */
  cut(process: SimulatedProcess): void {
    this.cutOff.add(process);
    this.breakStreamsOf(process, noticedAfterMs);
  }

  heal(process: SimulatedProcess): void {
    this.cutOff.delete(process);
  }

  breakStreamsOf(process: SimulatedProcess, noticeMs: number): void {
    for (const stream of [...this.streams])
      if (stream.client === process || stream.server === process)
        stream.breakOff(noticeMs * this.options.random.next());
  }

  latencyMs(): number {
    const { random, faults } = this.options;
    const slow = random.next() < faults.slow ? random.next() * faults.slowMs : 0;
    return 0.1 + random.next() * 0.4 + slow;
  }
}

/** One client's way to the servers. It stays with a server for as long as that lives. */
class Line implements RequestTransport {
  readonly #wire: Wire;
  readonly #client: SimulatedProcess;
  readonly #user: UserInfo;
  #server: SimulatedApiServer | undefined;

  constructor(wire: Wire, client: SimulatedProcess, user: UserInfo) {
    this.#wire = wire;
    this.#client = client;
    this.#user = user;
  }

  isConnected(): boolean {
    const { cutOff, options } = this.#wire;
    return !cutOff.has(this.#client) && options.servers().some(({ process }) => !process.isDead);
  }

  async send(request: RawRequest): Promise<RawResponse> {
    const observed = this.#wire.options.observer.sent(request, this.#client.name);
    const response = await this.#exchange(request);
    observed?.(response);
    return response;
  }

  async open(request: RawRequest, signal: AbortSignal): Promise<StreamingResponse> {
    const wire = this.#wire;
    const server = this.#reach();
    if (server === undefined) return this.#refused(request);
    return new Promise((resolve, reject) => {
      const stream: WireStream = new WireStream({
        client: this.#client,
        server: server.process,
        latencyMs: () => wire.latencyMs(),
        onHead: (status) => resolve({ status, stream }),
        onBroken: reject,
        observe: wire.options.observer.opened(request, this.#client.name),
        onClose: () => {
          wire.streams.delete(stream);
          forgetEnd();
        },
      });
      wire.streams.add(stream);
      const forgetEnd = server.process.onEnd(() => stream.breakOff(refusedAfterMs));
      signal.addEventListener('abort', () => stream.destroy(), { once: true });
      server.process.arrive(wire.latencyMs(), () => {
        if (stream.isOpen) void server.serve(request, this.#user, stream.serverEnd);
      });
    });
  }

  #exchange(request: RawRequest): Promise<RawResponse> {
    const { random, faults } = this.#wire.options;
    const server = this.#reach();
    if (server === undefined) return this.#refused(request);
    return new Promise((resolve, reject) => {
      const settle = (outcome: () => void): void => {
        timer.cancel();
        forgetEnd();
        outcome();
      };
      const fail = (why: string): void =>
        settle(() => reject(new TransportError(`${request.method} ${request.path}: ${why}`)));
      const reset = (): void => {
        this.#client.arrive(refusedAfterMs + 200 * random.next(), () => fail('connection reset'));
      };
      const timer = this.#client.setTimer(requestTimeoutMs, () => fail('no answer in time'));
      const forgetEnd = server.process.onEnd(reset);
      if (random.next() < faults.lostRequests) return reset();
      const answer = collect((response) => {
        if (this.#wire.cutOff.has(this.#client)) return;
        if (random.next() < faults.lostAnswers) return reset();
        this.#client.arrive(this.#wire.latencyMs(), () => settle(() => resolve(response)));
      });
      server.process.arrive(this.#wire.latencyMs(), () => void server.serve(request, this.#user, answer));
    });
  }

  #reach(): SimulatedApiServer | undefined {
    if (this.#wire.cutOff.has(this.#client)) return undefined;
    if (this.#server !== undefined && !this.#server.process.isDead) return this.#server;
    const { servers, random } = this.#wire.options;
    const alive = servers().filter(({ process }) => !process.isDead);
    this.#server = alive[Math.floor(random.next() * alive.length)];
    return this.#server;
  }

  #refused(request: RawRequest): Promise<never> {
    const { random } = this.#wire.options;
    return new Promise((_, reject) => {
      this.#client.arrive(refusedAfterMs + 50 * random.next(), () =>
        reject(new TransportError(`${request.method} ${request.path}: connection refused`)),
      );
    });
  }
}

/** A server's end that hands over the whole answer. */
function collect(done: (response: RawResponse) => void): ServerEnd {
  const chunks: Buffer[] = [];
  let status = 0;
  return new ServerEnd({
    head: (given) => {
      status = given;
    },
    chunk: (bytes) => chunks.push(bytes),
    end: () => done({ status, headers: {}, body: Buffer.concat(chunks) }),
  });
}
