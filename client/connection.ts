/**
 * One HTTP/2 session to the API, made when first needed and made again when it is lost.
 *
 * A closed socket tells at once that a server is gone; a silent one does not. So the session is pinged. When an
 * answer is overdue, a second session is opened beside the first: where several servers share an address it
 * reaches a live one and takes over, and where the only server is merely paused the handshake waits as the ping
 * does, nothing breaks, and the first to answer wins.
 *
 * Cost: one timer per second and one 8-byte ping per period, which is a second while something waits for its answer.
 *
 * INVARIANTS: at most one session is current; a retired session gets no new streams.
 */
import http2 from 'node:http2';
import { type BackoffPolicy, backoffMs } from '../base/backoff.ts';
import { type Clock, delay, type Timer } from '../base/clock.ts';
import { messageOf } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import type { ClientConfig } from './client-config.ts';
import { TransportError } from './transport-error.ts';

const tickMs = 1_000;
/** After this long without an answer to a ping another way to a server is tried. */
const suspectAfterMs = 2_500;
/** After this long without an answer the session is given up even when there is no other way. */
const deadAfterMs = 12_000;
const connectTimeoutMs = 8_000;
/** A handshake that takes longer is not waited for alone: the next connection may reach another server. */
const hedgeAfterMs = 700;
/** Of two servers that share an address the kernel picks the silent one as often as the other: 2 ** -12 is seldom. */
const maxHandshakes = 12;
/** The oldest gives way to the next. */
const handshakesAtOnce = 6;
const streamWindowBytes = 4 * 1024 * 1024;
const sessionWindowBytes = 32 * 1024 * 1024;
const reconnectBackoff: BackoffPolicy = { initialMs: 20, maxMs: 500, factor: 2, jitter: 0.5 };

export interface ConnectionOptions {
  readonly config: ClientConfig;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** Gives up after the first failed attempt instead of trying again until the caller's deadline. */
  readonly failFast: boolean;
  /** For a process with thousands of connections: waits until one more may begin, and gives what to call when it stands. */
  readonly turn?: (() => Promise<() => void>) | undefined;
  /** How often a session is pinged on which nothing waits for an answer; each second unless given. */
  readonly pingPeriodMs?: (() => number) | undefined;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #config: ClientConfig;
  #current: http2.ClientHttp2Session | undefined;
  #isReplacing = false;
  #connecting: Promise<http2.ClientHttp2Session> | undefined;
  readonly #repeatable = new Map<http2.ClientHttp2Session, Set<http2.ClientHttp2Stream>>();
  readonly #unanswered = new Set<http2.ClientHttp2Stream>();
  #ticker: Timer | undefined;
  #lastTickMs = 0;
  /** Undefined while no answer to a ping is awaited. */
  #pingSentMs: number | undefined;
  #lastPingMs = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.#config = options.config;
  }

  /** Whether there is a session, and no ping on it is overdue. */
  get isAnswered(): boolean {
    if (this.#current === undefined || !isUsable(this.#current)) return false;
    const silentMs = this.#options.clock.monotonicMs() - (this.#pingSentMs ?? Number.POSITIVE_INFINITY);
    return silentMs < suspectAfterMs;
  }

  /** The session to open streams on. Waits for one until `signal` aborts. @throws TransportError */
  async session(signal: AbortSignal): Promise<http2.ClientHttp2Session> {
    for (let attempt = 0; ; attempt += 1) {
      if (this.#closed) throw this.#notConnected(new Error('client is closed'));
      // Also after a wait: whoever opens a stream listens for an abort that is still to come.
      if (signal.aborted) throw this.#notConnected(abortedError());
      if (this.#current !== undefined && isUsable(this.#current)) return this.#current;
      try {
        return await untilAborted(this.#connect(), signal);
      } catch (error) {
        if (this.#options.failFast || signal.aborted || this.#closed) throw this.#notConnected(error);
      }
      const { clock, random } = this.#options;
      await delay(clock, backoffMs(reconnectBackoff, attempt, random), signal);
    }
  }

  #notConnected(cause: unknown): TransportError {
    return new TransportError(`connect to ${this.#config.server}: ${messageOf(cause)}`, { cause });
  }

  /** Ties a watch or a read to its session: it is ended when the session is replaced, so that it goes on there. */
  trackRepeatable(session: http2.ClientHttp2Session, stream: http2.ClientHttp2Stream): void {
    const streams = this.#repeatable.get(session) ?? new Set();
    this.#repeatable.set(session, streams.add(stream));
    stream.once('close', () => streams.delete(stream));
  }

  /** Says that a server's answer is awaited: all of it, or, for a stream without end, its head. */
  trackAwaited(stream: http2.ClientHttp2Stream, until: 'close' | 'response'): void {
    this.#unanswered.add(stream);
    const answered = (): boolean => this.#unanswered.delete(stream);
    stream.once('close', answered);
    if (until === 'response') stream.once('response', answered);
  }

  /** From now on connects by `config`. A session that stands goes on until one with the new certificate does. */
  async renew(config: ClientConfig): Promise<void> {
    this.#config = config;
    if (this.#current === undefined) return;
    const session = await this.#openFirst();
    if (this.#closed) session.destroy();
    else this.#adopt(session);
  }

  close(): void {
    this.#closed = true;
    this.#ticker?.cancel();
    this.#current?.destroy();
  }

  #connect(): Promise<http2.ClientHttp2Session> {
    this.#connecting ??= this.#openFirst()
      .then((session) => {
        if (this.#closed) session.destroy();
        else this.#adopt(session);
        return session;
      })
      .finally(() => {
        this.#connecting = undefined;
      });
    return this.#connecting;
  }

  async #openFirst(): Promise<http2.ClientHttp2Session> {
    const leave = await this.#options.turn?.();
    try {
      if (this.#closed) throw this.#notConnected(new Error('client is closed'));
      return await this.#race();
    } finally {
      leave?.();
    }
  }

  /** The first session to be ready of several handshakes, started one after the other while none is. */
  #race(): Promise<http2.ClientHttp2Session> {
    return new Promise((resolve, reject) => {
      let started = 0;
      let failed = 0;
      let winner: http2.ClientHttp2Session | undefined;
      let timer: Timer | undefined;
      const waiting: http2.ClientHttp2Session[] = [];
      const makeRoom = (begun: http2.ClientHttp2Session): void => {
        if (waiting.push(begun) > handshakesAtOnce) waiting.shift()?.destroy();
      };
      const start = (): void => {
        started += 1;
        if (started < maxHandshakes) timer = this.#options.clock.setTimer(hedgeAfterMs, start);
        this.#open(makeRoom).then(
          (session) => {
            timer?.cancel();
            if (winner !== undefined) session.destroy();
            winner ??= session;
            resolve(winner);
          },
          (error) => {
            failed += 1;
            if (failed < started || winner !== undefined) return;
            timer?.cancel();
            reject(error);
          },
        );
      };
      start();
    });
  }

  #open(begins: (session: http2.ClientHttp2Session) => void): Promise<http2.ClientHttp2Session> {
    const config = this.#config;
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      const session = http2.connect(config.server, {
        ...tlsOptions(config),
        settings: { initialWindowSize: streamWindowBytes, enablePush: false },
        maxSessionMemory: 1024,
      });
      begins(session);
      const timer = clock.setTimer(connectTimeoutMs, () => {
        session.destroy();
        reject(new Error(`no answer within ${connectTimeoutMs} ms`));
      });
      session.once('connect', () => {
        timer.cancel();
        // Given up in this very moment, e.g. for a newer attempt; `close` tells it.
        if (session.destroyed) return;
        session.setLocalWindowSize(sessionWindowBytes);
        resolve(session);
      });
      session.on('error', (error) => {
        timer.cancel();
        reject(error);
      });
      session.once('close', () => {
        timer.cancel();
        reject(new Error('closed during the handshake'));
        this.#forget(session);
      });
    });
  }

  #adopt(session: http2.ClientHttp2Session): void {
    const replaced = this.#current;
    this.#current = session;
    this.#pingSentMs = undefined;
    session.once('goaway', () => {
      if (this.#current === session) this.#retire(session);
    });
    if (replaced !== undefined) this.#retire(replaced);
    if (this.#ticker === undefined) this.#scheduleTick();
  }

  /** Writes in flight may still be answered; watches and reads are ended, so that they go on elsewhere. */
  #retire(session: http2.ClientHttp2Session): void {
    if (this.#current === session) this.#current = undefined;
    for (const stream of this.#repeatable.get(session) ?? []) stream.close(http2.constants.NGHTTP2_CANCEL);
    session.close();
    this.#options.clock.setTimer(deadAfterMs, () => session.destroy(), { unref: true });
  }

  #forget(session: http2.ClientHttp2Session): void {
    this.#repeatable.delete(session);
    if (this.#current !== session) return;
    this.#current = undefined;
    this.#pingSentMs = undefined;
  }

  #scheduleTick(): void {
    const { clock } = this.#options;
    this.#lastTickMs = clock.monotonicMs();
    // Judged after the poll phase: what arrived while this process stood still counts.
    this.#ticker = clock.setTimer(tickMs, () => clock.setImmediate(() => this.#tick()), { unref: true });
  }

  #tick(): void {
    if (this.#closed) return;
    const now = this.#options.clock.monotonicMs();
    const ownStallMs = Math.max(0, now - this.#lastTickMs - tickMs);
    if (this.#pingSentMs !== undefined) this.#pingSentMs += ownStallMs;
    const session = this.#current;
    if (session !== undefined && isUsable(session)) {
      if (this.#pingSentMs === undefined) this.#pingWhenDue(session, now);
      else this.#judge(session, now - this.#pingSentMs);
    }
    this.#scheduleTick();
  }

  #pingWhenDue(session: http2.ClientHttp2Session, now: number): void {
    const periodMs = this.#options.pingPeriodMs?.() ?? tickMs;
    // Ticks come a little late, never early.
    if (this.#unanswered.size > 0 || now - this.#lastPingMs >= periodMs) this.#ping(session, now);
  }

  #ping(session: http2.ClientHttp2Session, now: number): void {
    this.#pingSentMs = now;
    this.#lastPingMs = now;
    session.ping(() => {
      if (this.#current === session) this.#pingSentMs = undefined;
    });
  }

  #judge(session: http2.ClientHttp2Session, silentMs: number): void {
    const { logger } = this.#options;
    const config = this.#config;
    if (silentMs >= deadAfterMs) {
      logger.warn({ server: config.server, silentMs }, 'give up silent connection');
      session.destroy();
    } else if (silentMs >= suspectAfterMs && !this.#isReplacing) {
      logger.info({ server: config.server, silentMs }, 'connection is silent, open another');
      this.#replace(session);
    }
  }

  #replace(suspect: http2.ClientHttp2Session): void {
    this.#isReplacing = true;
    this.#openFirst()
      .then(
        (session) => {
          const stillSilent = this.#current === suspect && this.#pingSentMs !== undefined;
          if (stillSilent && !this.#closed) this.#adopt(session);
          else session.destroy();
        },
        () => undefined,
      )
      .finally(() => {
        this.#isReplacing = false;
      });
  }
}

const isUsable = (session: http2.ClientHttp2Session): boolean => !session.closed && !session.destroyed;

function tlsOptions(config: ClientConfig): http2.SecureClientSessionOptions {
  return {
    ...(config.ca === undefined ? {} : { ca: config.ca }),
    ...(config.cert === undefined ? {} : { cert: config.cert }),
    ...(config.key === undefined ? {} : { key: config.key }),
    ...(config.tlsServerName === undefined ? {} : { servername: config.tlsServerName }),
    rejectUnauthorized: config.insecureSkipTlsVerify !== true,
  };
}

const abortedError = (): Error => new Error('deadline passed or request aborted');

function untilAborted<V>(promise: Promise<V>, signal: AbortSignal): Promise<V> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(abortedError());
    // Its failure concerns whoever else waits for it.
    promise.catch(() => undefined);
    if (signal.aborted) return onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
