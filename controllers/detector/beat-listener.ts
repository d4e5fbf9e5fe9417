/**
 * Receives, authenticates and counts what guards send. What is malformed, forged, replayed or of an unknown node is dropped.
 *
 * It comes 10,000 times a second, so nothing is made for a beat: it is read where it lies, and a sender remembers what it
 * must in fields that hold their numbers in place (V8 makes an object of a number that it stores in a field where something
 * else has been, and of a small one that has more than 31 bits; thousands of these live long enough to be costly garbage).
 */
import {
  awaitedVersionIn,
  beatNodeId,
  dataPlaneVersionIn,
  deriveAnswerKey,
  deriveBeatKey,
  encodeAnswer,
  isBeat,
  isNewerSequence,
  isSealed,
  nodeIdIn,
  sequenceIn,
} from '../../base/beat.ts';
import { encodeConfirmation, isRenewal, type LoadFigures, loadIn } from '../../base/beat-renewal.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { type SipKey, toSipKey } from '../../base/sip-hash.ts';
import type { BeatSource, Origin } from './beat-source.ts';
import { datagramsPerTurn } from './rests.ts';

/** Turns spent emptying the socket before a judgement, at most. */
const maxTurns = 256;

interface Sender {
  readonly name: string;
  readonly id: number;
  readonly key: Buffer;
  readonly sipKey: SipKey;
  /** Made when the first answer is. */
  answerKey: Buffer | undefined;
  hasBeaten: boolean;
  /** Of the newest datagram, as a signed number. */
  sequence: number;
  origin: Origin;
}

export interface BeatListenerOptions {
  readonly source: BeatSource;
  readonly clusterKey: Buffer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @param awaitedVersion the guard wants to know of the least version until it has come so far */
  readonly onBeat: (node: string, dataPlaneVersion: number, awaitedVersion: number | undefined) => void;
  readonly onRenewal: (node: string, sequence: number, load: LoadFigures | undefined) => void;
}

const nowhere: Origin = { address: '', port: 0 };

export class BeatListener {
  readonly #options: BeatListenerOptions;
  /** By id as a signed number, and by name. */
  readonly #byId = new Map<number, Sender>();
  readonly #byName = new Map<string, Sender>();
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
    const known = this.#byId.get(id | 0);
    if (known?.name === name) return;
    if (known !== undefined) {
      this.#options.logger.warn({ name, other: known.name }, 'two nodes share a beat id');
      this.#byName.delete(known.name);
    }
    const key = deriveBeatKey(this.#options.clusterKey, name);
    const common = { name, id, key, sipKey: toSipKey(key) };
    const sender = { ...common, answerKey: undefined, hasBeaten: false, sequence: 0, origin: nowhere };
    this.#byId.set(id | 0, sender);
    this.#byName.set(name, sender);
  }

  forget(name: string): void {
    const sender = this.#byName.get(name);
    if (sender === undefined) return;
    this.#byName.delete(name);
    this.#byId.delete(sender.id | 0);
  }

  /** Listens until `signal` aborts. @throws when the source cannot be opened. */
  run(signal: AbortSignal): Promise<void> {
    return this.#options.source.run((datagram, from) => this.#receive(datagram, from), signal);
  }

  /** Tells the node's guard the least version. The newest sequence heard is echoed: the guard sees that the answer is a fresh one. */
  answer(node: string, leastVersion: number): void {
    this.#send(node, (id, sequence, answerKey) => encodeAnswer(id, { sequence, leastVersion }, answerKey));
  }

  /** Tells the node's guard that the renewal with this sequence is stored. */
  confirm(node: string, sequence: number): void {
    this.#send(node, (id, _newest, answerKey) => encodeConfirmation(id, sequence, answerKey));
  }

  /** Resolves when all datagrams that had arrived at the time of the call are heard. */
  async drain(): Promise<void> {
    const done = this.#options.source.hurry();
    for (let turn = 0; turn < maxTurns; turn += 1) {
      const before = this.#received;
      // The poll phase comes between timers and immediates; two immediates enclose a whole one.
      await this.#turn();
      await this.#turn();
      if (this.#received - before < datagramsPerTurn) break;
    }
    done();
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setImmediate(resolve);
    });
  }

  #receive(datagram: Buffer, from: Origin): void {
    this.#received += 1;
    const beats = isBeat(datagram);
    if (!beats && !isRenewal(datagram)) return;
    const sender = this.#byId.get(nodeIdIn(datagram) | 0);
    if (sender === undefined || !isSealed(datagram, sender.sipKey)) return;
    const sequence = sequenceIn(datagram) | 0;
    if (sender.hasBeaten && !isNewerSequence(sequence, sender.sequence)) return;
    sender.hasBeaten = true;
    sender.sequence = sequence;
    // Kept as long as it stays the same: one that changes with each beat would be garbage that has lived.
    if (sender.origin.port !== from.port || sender.origin.address !== from.address) sender.origin = from;
    this.#accepted += 1;
    const { onBeat, onRenewal } = this.#options;
    if (beats) onBeat(sender.name, dataPlaneVersionIn(datagram), awaitedVersionIn(datagram));
    else onRenewal(sender.name, sequence >>> 0, loadIn(datagram));
  }

  #send(node: string, encode: (id: number, newestSequence: number, answerKey: Buffer) => Buffer): void {
    const sender = this.#byName.get(node);
    if (sender === undefined || !sender.hasBeaten) return;
    sender.answerKey ??= deriveAnswerKey(sender.key);
    this.#options.source.send(encode(sender.id, sender.sequence >>> 0, sender.answerKey), sender.origin);
  }
}
