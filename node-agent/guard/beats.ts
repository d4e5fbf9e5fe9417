import { createSocket, type Socket } from 'node:dgram';
import {
  beatNodeId,
  beatPeriodMs,
  decodeAnswer,
  deriveAnswerKey,
  encodeBeat,
  firstBeatSequence,
  minBeatGapMs,
  nextBeatSequence,
  type Origin,
} from '../../base/beat.ts';
import type { LoadFigures } from '../../base/beat-renewal.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { Throttle } from '../../base/throttle.ts';
import { DetectorAnswers } from './detector-answers.ts';
import { Renewals } from './renewals.ts';

/** Beats out of turn of one change are spread over so much time: 10,000 a second, however large the cluster is. */
const spreadPerNodeMs = 0.1;

export interface Detector {
  readonly address: string;
  readonly port: number;
}

/** What goes out with a beat. */
export interface BeatContent {
  readonly dataPlaneVersion: number;
  /** To be asked for; undefined when nobody waits. */
  readonly awaitedVersion: number | undefined;
  readonly nodeCount: number;
}

export interface BeatsOptions {
  readonly nodeName: string;
  /** This node's own key, derived from the cluster's. */
  readonly key: Buffer;
  readonly detectors: readonly Detector[];
  /** This node's, by which detectors answer. */
  readonly address: string;
  readonly content: () => BeatContent;
  /** Told while something is awaited: the least version of all live nodes. */
  readonly onLeastVersion: (version: number) => void;
  /** Told of a renewal of the node's Lease that is stored. */
  readonly onRenewed: (id: number) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Sends one beat to every detector each period, and beats out of turn when there is something to tell or to ask. The
 * regular times are multiples of the period from the start, so a late timer does not delay all that follow; periods
 * slept through are left out, not made up for.
 */
export class Beats {
  readonly #options: BeatsOptions;
  readonly #nodeId: number;
  readonly #answerKey: Buffer;
  readonly #answers = new DetectorAnswers();
  readonly #renewals: Renewals;
  readonly #outOfTurn: Throttle;
  #socket: Socket | undefined;
  /** The socket's; 0 before it has one. */
  #port = 0;
  #sequence: number;

  constructor(options: BeatsOptions) {
    this.#options = options;
    this.#nodeId = beatNodeId(options.nodeName);
    this.#answerKey = deriveAnswerKey(options.key);
    this.#sequence = firstBeatSequence(options.clock.nowMs());
    this.#renewals = new Renewals({ ...options, send: (encode, to) => this.#sendNext(encode, to) });
    this.#outOfTurn = new Throttle({
      clock: options.clock,
      intervalMs: () => minBeatGapMs,
      run: () => this.#send(),
    });
  }

  /** The data plane has reached another version. All nodes do so at the same time, so large clusters take turns. */
  versionRose(): void {
    const { content, random } = this.#options;
    const spreadMs = content().nodeCount * spreadPerNodeMs;
    this.#outOfTurn.request(spreadMs <= minBeatGapMs ? 0 : spreadMs * random.next());
  }

  /** Somebody waits for a version: few do at the same time. */
  ask(): void {
    this.#outOfTurn.request();
  }

  /** Asks once for the node's Lease to be renewed, in its agent's name. What was asked for before is given up. */
  renew(id: number, load: LoadFigures | undefined): void {
    this.#renewals.ask(id, load);
  }

  /** The agent is gone: its Lease is renewed no more. */
  dropRenewal(): void {
    this.#renewals.drop();
  }

  run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const socket = createSocket('udp4');
      this.#socket = socket;
      socket.on('error', (error) => logger.warn({ err: error }, 'heartbeat socket'));
      socket.on('listening', () => {
        this.#port = socket.address().port;
      });
      socket.bind(0);
      socket.on('message', (datagram, from) => this.#receive(datagram, `${from.address}:${from.port}`));
      const startMs = clock.monotonicMs();
      const tick = (): void => {
        this.#send();
        const elapsedMs = clock.monotonicMs() - startMs;
        const nextMs = (Math.floor(elapsedMs / beatPeriodMs) + 1) * beatPeriodMs;
        timer = clock.setTimer(nextMs - elapsedMs, tick);
      };
      let timer = clock.setTimer(0, tick);
      signal.addEventListener(
        'abort',
        () => {
          timer.cancel();
          this.#outOfTurn.cancel();
          this.#renewals.drop();
          this.#socket = undefined;
          socket.close(() => resolve());
        },
        { once: true },
      );
    });
  }

  #send(): void {
    const { content, key } = this.#options;
    // What waits for its turn goes with this one.
    this.#outOfTurn.cancel();
    const { dataPlaneVersion, awaitedVersion } = content();
    this.#sendNext((sequence, origin) => {
      const asks = awaitedVersion === undefined ? undefined : { awaitedVersion, origin };
      return encodeBeat(this.#nodeId, { sequence, dataPlaneVersion, asks }, key);
    });
  }

  /** @param to `address:port` of one detector; all when left out */
  #sendNext(encode: (sequence: number, origin: Origin) => Buffer, to?: string): void {
    const { detectors, address: own, clock, logger } = this.#options;
    this.#sequence = nextBeatSequence(this.#sequence, clock.nowMs());
    const datagram = encode(this.#sequence, { address: own, port: this.#port });
    for (const { address, port } of detectors) {
      if (to !== undefined && to !== `${address}:${port}`) continue;
      this.#socket?.send(datagram, port, address, (error) => {
        // A cut link refuses to send: that beat is lost, and the next is due in half a second.
        if (error !== null) logger.debug({ err: error, address }, 'send a beat');
      });
    }
  }

  #receive(datagram: Buffer, sender: string): void {
    const { detectors, onLeastVersion } = this.#options;
    if (!detectors.some(({ address, port }) => `${address}:${port}` === sender)) return;
    this.#renewals.receive(datagram, sender);
    const answer = decodeAnswer(datagram, this.#nodeId, this.#answerKey);
    if (answer === undefined || !this.#answers.hear(sender, answer, this.#sequence)) return;
    const version = this.#answers.leastVersion(this.#sequence);
    if (version !== undefined) onLeastVersion(version);
  }
}
