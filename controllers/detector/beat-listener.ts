/**
 * Receives, authenticates and counts what guards send. What is malformed, forged, replayed or of an unknown node is dropped.
 *
 * It comes 10,000 times a second, so nothing is made for a beat: it is read where it lies, and what is remembered of its sender
 * are numbers in columns (`node-slots.ts`).
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
  packedOriginIn,
  sequenceIn,
  unpackOrigin,
} from '../../base/beat.ts';
import { encodeConfirmation, isRenewal, type LoadFigures, loadIn } from '../../base/beat-renewal.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { type SipKey, sipKeyWords, toSipKey } from '../../base/sip-hash.ts';
import type { BeatSource } from './beat-source.ts';
import { type NodeSlots, withRoom, withRoomForBytes, withRoomForWords } from './node-slots.ts';

/** Turns of the event loop spent waiting for what has arrived, at most; in each some datagrams are heard at least. */
const maxTurns = 256;
/** Fewer in a turn mean that there were no more. */
const datagramsPerTurn = 32;

export interface BeatListenerOptions {
  readonly source: BeatSource;
  /** Of the nodes that are expected. */
  readonly slots: NodeSlots;
  readonly clusterKey: Buffer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** @param awaitedVersion the guard wants to know of the least version until it has come so far */
  readonly onBeat: (slot: number, dataPlaneVersion: number, awaitedVersion: number | undefined) => void;
  readonly onRenewal: (slot: number, sequence: number, load: LoadFigures | undefined) => void;
}

export class BeatListener {
  readonly #options: BeatListenerOptions;
  /** By id as a signed number. */
  readonly #slotOfId = new Map<number, number>();
  /** Of those that are expected, by slot; in the columns, too. */
  readonly #ids: (number | undefined)[] = [];
  /** By slot; made when the first answer is. */
  readonly #answerKeys: (Buffer | undefined)[] = [];
  #keys: SipKey = new Int32Array(0);
  #hasBeaten: Uint8Array = new Uint8Array(0);
  /** Of the newest datagram, as a signed number. */
  #sequence: Int32Array = new Int32Array(0);
  /** Where the last datagram that asked is to be answered; 0 before one has. */
  #origin: Float64Array = new Float64Array(0);
  #received = 0;
  #accepted = 0;

  constructor(options: BeatListenerOptions) {
    this.#options = options;
  }

  get counters(): { readonly received: number; readonly accepted: number } {
    return { received: this.#received, accepted: this.#accepted };
  }

  /** @param slot of a node; that one's until it is forgotten */
  expect(slot: number): void {
    const { slots, logger, clusterKey } = this.#options;
    const name = slots.nameOf(slot);
    if (name === undefined || this.#ids[slot] !== undefined) return;
    const id = beatNodeId(name) | 0;
    const other = this.#slotOfId.get(id);
    if (other !== undefined) logger.warn({ name, other: slots.nameOf(other) }, 'two nodes share a beat id');
    this.#slotOfId.set(id, slot);
    this.#ids[slot] = id;
    this.#keys = withRoomForWords(this.#keys, sipKeyWords * slot + sipKeyWords - 1);
    this.#hasBeaten = withRoomForBytes(this.#hasBeaten, slot);
    this.#sequence = withRoomForWords(this.#sequence, slot);
    this.#origin = withRoom(this.#origin, slot);
    this.#keys.set(toSipKey(deriveBeatKey(clusterKey, name)), sipKeyWords * slot);
    this.#hasBeaten[slot] = 0;
    this.#origin[slot] = 0;
  }

  forget(slot: number): void {
    const id = this.#ids[slot];
    if (id === undefined) return;
    this.#ids[slot] = undefined;
    this.#answerKeys[slot] = undefined;
    if (this.#slotOfId.get(id) === slot) this.#slotOfId.delete(id);
  }

  /** Listens until `signal` aborts. @throws when the source cannot be opened. */
  run(signal: AbortSignal): Promise<void> {
    return this.#options.source.run((datagram) => this.#receive(datagram), signal);
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
    if (this.#options.source.readAll()) return;
    for (let turn = 0; turn < maxTurns; turn += 1) {
      const before = this.#received;
      // The poll phase comes between timers and immediates; two immediates enclose a whole one.
      await this.#turn();
      await this.#turn();
      if (this.#received - before < datagramsPerTurn) break;
    }
  }

  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#options.clock.setImmediate(resolve);
    });
  }

  #receive(datagram: Buffer): void {
    this.#received += 1;
    const beats = isBeat(datagram);
    if (!beats && !isRenewal(datagram)) return;
    const slot = this.#slotOfId.get(nodeIdIn(datagram) | 0);
    if (slot === undefined || !isSealed(datagram, this.#keys, sipKeyWords * slot)) return;
    const sequence = sequenceIn(datagram) | 0;
    if (this.#hasBeaten[slot] === 1 && !isNewerSequence(sequence, this.#sequence[slot] ?? 0)) return;
    this.#hasBeaten[slot] = 1;
    this.#sequence[slot] = sequence;
    this.#accepted += 1;
    const awaitedVersion = beats ? awaitedVersionIn(datagram) : undefined;
    if (!beats || awaitedVersion !== undefined) this.#origin[slot] = packedOriginIn(datagram);
    const { onBeat, onRenewal } = this.#options;
    if (beats) onBeat(slot, dataPlaneVersionIn(datagram), awaitedVersion);
    else onRenewal(slot, sequence >>> 0, loadIn(datagram));
  }

  #send(node: string, encode: (id: number, newestSequence: number, answerKey: Buffer) => Buffer): void {
    const { slots, source, clusterKey } = this.#options;
    const slot = slots.slotOf(node);
    const id = slot === undefined ? undefined : this.#ids[slot];
    if (slot === undefined || id === undefined) return;
    const origin = unpackOrigin(this.#origin[slot] ?? 0);
    if (origin.port === 0) return;
    this.#answerKeys[slot] ??= deriveAnswerKey(deriveBeatKey(clusterKey, node));
    const answerKey = this.#answerKeys[slot];
    source.send(encode(id >>> 0, (this.#sequence[slot] ?? 0) >>> 0, answerKey), origin);
  }
}
