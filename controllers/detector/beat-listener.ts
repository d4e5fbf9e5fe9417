import {
  beatNodeId,
  decodeBeat,
  deriveAnswerKey,
  deriveBeatKey,
  encodeAnswer,
  isNewerSequence,
  peekBeatNodeId,
} from '../../base/beat.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { BeatSource, Reply } from './beat-source.ts';

/** libuv reads at most this many datagrams per turn of the event loop: fewer means that the socket is empty. */
const datagramsPerTurn = 32;
/** Turns spent emptying the socket before a judgement, at most. */
const maxTurns = 256;

interface Sender {
  readonly name: string;
  readonly key: Buffer;
  /** Made when the first answer is. */
  answerKey: Buffer | undefined;
  sequence: number | undefined;
}

/** What an accepted beat says. */
export interface HeardBeat {
  readonly dataPlaneVersion: number;
  /** The guard wants to know of the least version until it has come so far. */
  readonly awaitedVersion: number | undefined;
  /** Tells the guard the least version. */
  readonly answer: (leastVersion: number) => void;
}

export interface BeatListenerOptions {
  readonly source: BeatSource;
  readonly clusterKey: Buffer;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly onBeat: (node: string, beat: HeardBeat) => void;
}

/** Receives, authenticates and counts beats. What is malformed, forged, replayed or of an unknown node is dropped. */
export class BeatListener {
  readonly #options: BeatListenerOptions;
  readonly #senders = new Map<number, Sender>();
  #received = 0;
  #accepted = 0;

  constructor(options: BeatListenerOptions) {
    this.#options = options;
  }

  get counters(): { readonly received: number; readonly accepted: number } {
    return { received: this.#received, accepted: this.#accepted };
  }

  expect(name: string): void {
    const id = beatNodeId(name);
    const known = this.#senders.get(id);
    if (known?.name === name) return;
    if (known !== undefined)
      this.#options.logger.warn({ name, other: known.name }, 'two nodes share a beat id');
    const key = deriveBeatKey(this.#options.clusterKey, name);
    this.#senders.set(id, { name, key, answerKey: undefined, sequence: undefined });
  }

  forget(name: string): void {
    const id = beatNodeId(name);
    if (this.#senders.get(id)?.name === name) this.#senders.delete(id);
  }

  /** Listens until `signal` aborts. @throws when the source cannot be opened. */
  run(signal: AbortSignal): Promise<void> {
    return this.#options.source.run((datagram, reply) => this.#receive(datagram, reply), signal);
  }

  /** Resolves when all datagrams that had arrived at the time of the call are heard. */
  async drain(): Promise<void> {
    for (let turn = 0; turn < maxTurns; turn += 1) {
      const before = this.#received;
      // The poll phase comes between timers and immediates; two immediates enclose a whole one.
      await this.#turn();
      await this.#turn();
      if (this.#received - before < datagramsPerTurn) return;
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setImmediate(resolve);
    });
  }

  #receive(datagram: Buffer, reply: Reply | undefined): void {
    this.#received += 1;
    const id = peekBeatNodeId(datagram);
    const sender = id === undefined ? undefined : this.#senders.get(id);
    if (sender === undefined) return;
    const beat = decodeBeat(datagram, sender.key);
    if (beat === undefined || !isNewer(beat.sequence, sender.sequence)) return;
    sender.sequence = beat.sequence;
    this.#accepted += 1;
    this.#options.onBeat(sender.name, {
      dataPlaneVersion: beat.dataPlaneVersion,
      awaitedVersion: beat.awaitedVersion,
      answer: (leastVersion) => reply?.(toAnswer(sender, leastVersion)),
    });
  }
}

/** Echoes the newest sequence heard: the guard sees that the answer is a fresh one. */
function toAnswer(sender: Sender, leastVersion: number): Buffer {
  sender.answerKey ??= deriveAnswerKey(sender.key);
  const { name, sequence = 0, answerKey } = sender;
  return encodeAnswer(beatNodeId(name), { sequence, leastVersion }, answerKey);
}

export function isNewer(sequence: number, last: number | undefined): boolean {
  return last === undefined || isNewerSequence(sequence, last);
}
