import { beatNodeId, deriveAnswerKey, isNewerSequence, type Origin } from '../../base/beat.ts';
import {
  askAgainAfterMs,
  decodeConfirmation,
  encodeRenewal,
  type LoadFigures,
} from '../../base/beat-renewal.ts';
import type { Clock, Timer } from '../../base/clock.ts';

/** What an agent waits for. */
interface Asked {
  readonly id: number;
  readonly load: LoadFigures | undefined;
  /** Of the first and the last datagram that asked. */
  firstSequence: number | undefined;
  lastSequence: number;
}

export interface RenewalsOptions {
  readonly nodeName: string;
  readonly key: Buffer;
  /** Sends what `encode` makes of the next sequence and of where to answer, to one detector or to all. */
  readonly send: (encode: (sequence: number, origin: Origin) => Buffer, to: string | undefined) => void;
  readonly onRenewed: (id: number) => void;
  readonly clock: Clock;
}

/**
 * Has the node's Lease renewed by the detector that leads, each time that the agent asks for it: a guard outlives its agent,
 * whose Lease must not. Who leads is not known, only who confirmed last: that one is asked, and when it does not
 * confirm, once more all.
 */
export class Renewals {
  readonly #options: RenewalsOptions;
  readonly #nodeId: number;
  readonly #answerKey: Buffer;
  #asked: Asked | undefined;
  #again: Timer | undefined;
  #leader: string | undefined;

  constructor(options: RenewalsOptions) {
    this.#options = options;
    this.#nodeId = beatNodeId(options.nodeName);
    this.#answerKey = deriveAnswerKey(options.key);
  }

  ask(id: number, load: LoadFigures | undefined): void {
    this.drop();
    const asked: Asked = { id, load, firstSequence: undefined, lastSequence: 0 };
    this.#asked = asked;
    this.#again = this.#options.clock.setTimer(askAgainAfterMs, () => {
      this.#leader = undefined;
      this.#send(asked);
    });
    this.#send(asked);
  }

  /** Nobody waits any more. */
  drop(): void {
    this.#again?.cancel();
    this.#asked = undefined;
  }

  /** @param detector where the datagram came from, as `send` takes it */
  receive(datagram: Buffer, detector: string): void {
    const asked = this.#asked;
    const sequence = decodeConfirmation(datagram, this.#nodeId, this.#answerKey);
    if (asked?.firstSequence === undefined || sequence === undefined) return;
    const isOlder = isNewerSequence(asked.firstSequence, sequence);
    if (isOlder || isNewerSequence(sequence, asked.lastSequence)) return;
    this.#leader = detector;
    this.drop();
    this.#options.onRenewed(asked.id);
  }

  #send(asked: Asked): void {
    const { key, send } = this.#options;
    send((sequence, origin) => {
      asked.firstSequence ??= sequence;
      asked.lastSequence = sequence;
      return encodeRenewal(this.#nodeId, { sequence, load: asked.load, origin }, key);
    }, this.#leader);
  }
}
