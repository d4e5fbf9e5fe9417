import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { connect } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';

/** Queries under way to upstreams at once; one more is answered with SERVFAIL. */
const maxInFlight = 1_000;
/** Sockets with source ports of their own, among which queries are spread: an answer is harder to forge. */
const sockets = 8;
const tryTimeoutMs = 2_000;
const upstreamPort = 53;
const maxTcpBytes = 65_535;

interface Pending {
  readonly upstream: string;
  readonly question: Buffer;
  readonly resolve: (answer: Buffer | undefined) => void;
  readonly timer: Timer;
}

/**
 * Asks the upstreams of the node's resolv.conf, one after another, what is not the cluster's.
 * An upstream that is the guard's own address is left out: it would ask itself for ever.
 */
export class DnsForwarder {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #port: number;
  readonly #sockets: Socket[] = [];
  readonly #pending = new Map<string, Pending>();
  #upstreams: readonly string[] = [];
  #inFlight = 0;

  constructor(options: { readonly clock: Clock; readonly logger: Logger; readonly port?: number }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#port = options.port ?? upstreamPort;
  }

  setUpstreams(upstreams: readonly string[]): void {
    this.#upstreams = upstreams;
  }

  /** @returns the upstream's answer with the id of `message`, or undefined when none answers. */
  async forward(message: Buffer, questionBytes: number, overTcp: boolean): Promise<Buffer | undefined> {
    if (this.#inFlight >= maxInFlight) return undefined;
    this.#inFlight += 1;
    try {
      for (const upstream of this.#upstreams) {
        const answer = overTcp
          ? await this.#askTcp(upstream, message)
          : await this.#askUdp(upstream, message, questionBytes);
        if (answer !== undefined) return answer;
      }
      return undefined;
    } finally {
      this.#inFlight -= 1;
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
    this.#sockets.length = 0;
    for (const [key, pending] of this.#pending) this.#settle(key, pending, undefined);
  }

  #askUdp(upstream: string, message: Buffer, questionBytes: number): Promise<Buffer | undefined> {
    const index = randomInt(sockets);
    const socket = this.#socket(index);
    let id = randomInt(65_536);
    while (this.#pending.has(`${index} ${id}`)) id = (id + 1) & 0xffff;
    const key = `${index} ${id}`;
    const copy = Buffer.from(message);
    copy.writeUInt16BE(id, 0);
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(tryTimeoutMs, () => this.#settle(key, pending, undefined));
      const pending: Pending = {
        upstream,
        question: Buffer.from(message.subarray(12, 12 + questionBytes)),
        timer,
        resolve: (answer) => {
          answer?.writeUInt16BE(message.readUInt16BE(0), 0);
          resolve(answer);
        },
      };
      this.#pending.set(key, pending);
      socket.send(copy, this.#port, upstream, (error) => {
        if (error !== null) this.#settle(key, pending, undefined);
      });
    });
  }

  #socket(index: number): Socket {
    const present = this.#sockets[index];
    if (present !== undefined) return present;
    const socket = createSocket('udp4');
    socket.on('error', (error) => this.#logger.warn({ err: error }, 'DNS forwarding socket'));
    socket.on('message', (answer, from) => {
      if (answer.length < 12) return;
      const key = `${index} ${answer.readUInt16BE(0)}`;
      const pending = this.#pending.get(key);
      // Whoever guesses the id must also be the one that was asked, and repeat the question.
      if (pending === undefined || from.address !== pending.upstream) return;
      if (!answer.subarray(12, 12 + pending.question.length).equals(pending.question)) return;
      this.#settle(key, pending, answer);
    });
    this.#sockets[index] = socket;
    return socket;
  }

  #settle(key: string, pending: Pending, answer: Buffer | undefined): void {
    if (this.#pending.get(key) !== pending) return;
    this.#pending.delete(key);
    pending.timer.cancel();
    pending.resolve(answer);
  }

  #askTcp(upstream: string, message: Buffer): Promise<Buffer | undefined> {
    return new Promise((resolve) => {
      const socket = connect(this.#port, upstream);
      const timer = this.#clock.setTimer(tryTimeoutMs, () => settle(undefined));
      const settle = (answer: Buffer | undefined): void => {
        timer.cancel();
        socket.destroy();
        resolve(answer);
      };
      let received = Buffer.alloc(0);
      socket.on('error', () => settle(undefined));
      socket.on('close', () => settle(undefined));
      socket.on('data', (chunk) => {
        received = Buffer.concat([received, chunk]);
        if (received.length < 2) return;
        const length = received.readUInt16BE(0);
        if (received.length >= Math.min(length, maxTcpBytes) + 2) settle(received.subarray(2, 2 + length));
      });
      const head = Buffer.allocUnsafe(2);
      head.writeUInt16BE(message.length);
      socket.write(Buffer.concat([head, message]));
    });
  }
}
