import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { decode } from 'dns-packet';
import { type Clock, delay } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { DnsConnections } from './dns-connections.ts';
import type { DnsForwarder } from './dns-forwarder.ts';
import {
  type Answer,
  addressData,
  encodeAnswer,
  encodeFailure,
  parseQuery,
  type Query,
  recordType,
  responseCode,
  toKey,
  toRecord,
} from './dns-message.ts';
import type { DnsZone } from './dns-zone.ts';

/** The agent puts the address on `lo`; until then binding fails and is tried again. */
const bindRetryMs = 100;
const maxMessageBytes = 65_535;
/** Room for a burst of all the node's pods. Best effort: the kernel caps it at net.core.rmem_max. */
const receiveBufferBytes = 1024 * 1024;

export interface DnsServerOptions {
  readonly zone: DnsZone;
  readonly forwarder: DnsForwarder;
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Answers on UDP and TCP, on an address of the node itself, so that no translation is on a query's way. */
export class DnsServer {
  readonly #options: DnsServerOptions;

  constructor(options: DnsServerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([
      this.#keepBound((bound) => this.#runUdp(bound, signal), signal),
      this.#keepBound((bound) => this.#runTcp(bound, signal), signal),
    ]);
  }

  /** `reply` is called once: at once for the cluster's names, later for others, never for what is no query. */
  answer(message: Buffer, overTcp: boolean, reply: (answer: Buffer) => void): void {
    const query = parseQuery(message);
    if (query === undefined) return;
    if (typeof query === 'number') {
      reply(encodeFailure(message, query));
      return;
    }
    const limit = overTcp ? maxMessageBytes : query.udpBytes;
    const found = query.isIn ? this.#options.zone.lookup(query) : { kind: 'elsewhere' as const };
    if (found.kind === 'answer') {
      reply(encodeAnswer(query, found.answer, limit));
      return;
    }
    const later =
      found.kind === 'alias'
        ? this.#completeAlias(query, found.answer, found.target).then((full) =>
            encodeAnswer(query, full, limit),
          )
        : this.#forward(message, query, overTcp);
    later.then(reply, (error: unknown) => this.#options.logger.warn({ err: error }, 'answer a DNS query'));
  }

  async #forward(message: Buffer, query: Query, overTcp: boolean): Promise<Buffer> {
    const answer = await this.#options.forwarder.forward(message, query.question.length, overTcp);
    return answer ?? encodeAnswer(query, failure, maxMessageBytes);
  }

  /** A stub resolver does not follow an alias by itself: the target's addresses belong into the answer. */
  async #completeAlias(query: Query, answer: Answer, target: string): Promise<Answer> {
    const { zone, forwarder } = this.#options;
    if (query.type !== recordType.a) return answer;
    const key = toKey(target);
    if (zone.isOurs(key)) return { ...answer, answers: [...answer.answers, ...zone.addressesOf(key)] };
    const question = Buffer.concat([Buffer.from(key, 'latin1'), Buffer.from([0, recordType.a, 0, 1])]);
    const header = Buffer.from([0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    const asked = Buffer.concat([header, question]);
    const short = await forwarder.forward(asked, question.length, false);
    const reply =
      short !== undefined && isCut(short) ? await forwarder.forward(asked, question.length, true) : short;
    return reply === undefined
      ? { ...answer, code: responseCode.serverFailure }
      : withAnswersOf(answer, reply);
  }

  async #keepBound(serve: (bound: () => void) => Promise<void>, signal: AbortSignal): Promise<void> {
    const { clock, logger, address } = this.#options;
    let isToldOf = false;
    while (!signal.aborted) {
      try {
        await serve(() => {
          isToldOf = false;
        });
      } catch (error) {
        const isWaiting = codeOf(error) === 'EADDRNOTAVAIL';
        if (!isToldOf) logger[isWaiting ? 'info' : 'warn']({ err: error, address }, 'bind the DNS address');
        isToldOf = true;
      }
      await delay(clock, bindRetryMs, signal);
    }
  }

  #runUdp(bound: () => void, signal: AbortSignal): Promise<void> {
    const { address, port } = this.#options;
    return new Promise((resolve, reject) => {
      const socket = createSocket({ type: 'udp4', recvBufferSize: receiveBufferBytes });
      const stop = (): void => {
        socket.close();
      };
      socket.on('error', (error) => {
        signal.removeEventListener('abort', stop);
        socket.close();
        reject(error);
      });
      socket.on('close', () => resolve());
      socket.on('listening', bound);
      socket.on('message', (message, from) =>
        this.answer(message, false, (answer) => socket.send(answer, from.port, from.address)),
      );
      signal.addEventListener('abort', stop, { once: true });
      socket.bind(port, address);
    });
  }

  #runTcp(bound: () => void, signal: AbortSignal): Promise<void> {
    const { address, port } = this.#options;
    return new Promise((resolve, reject) => {
      const connections = new DnsConnections({
        clock: this.#options.clock,
        answer: (message, reply) => this.answer(message, true, reply),
      });
      const server = createServer((socket) => connections.accept(socket));
      const stop = (): void => {
        connections.closeAll();
        server.close();
      };
      server.on('error', (error) => {
        signal.removeEventListener('abort', stop);
        reject(error);
      });
      server.on('close', () => resolve());
      server.on('listening', bound);
      signal.addEventListener('abort', stop, { once: true });
      server.listen(port, address);
    });
  }
}

const failure: Answer = {
  code: responseCode.serverFailure,
  isAuthoritative: false,
  answers: [],
  authority: [],
  additional: [],
};

/** The upstream had more than fits a datagram. */
const isCut = (reply: Buffer): boolean => (reply.readUInt16BE(2) & 0x0200) !== 0;

function withAnswersOf(answer: Answer, reply: Buffer): Answer {
  const more = (decode(reply).answers ?? []).flatMap((record) =>
    record.type === 'A'
      ? [toRecord(recordType.a, record.ttl ?? 0, addressData(record.data), toKey(record.name))]
      : record.type === 'CNAME'
        ? [
            toRecord(
              recordType.cname,
              record.ttl ?? 0,
              Buffer.from(toKey(record.data), 'latin1'),
              toKey(record.name),
            ),
          ]
        : [],
  );
  return { ...answer, answers: [...answer.answers, ...more] };
}
