/**
 * How beats are read. Datagrams that come one by one and wake the process one by one cost it six times what reading them together
 * does. So while they come often, the event loop no longer waits for them; they are read at intervals, all that have come.
 *
 * What comes meanwhile waits in the socket's buffer, of which a datagram takes much more than it has bytes, and what finds
 * no room is lost. So the interval ends when half the buffer may be full.
 */
import type { Clock } from '../../base/clock.ts';

/** Beats of a thousand nodes. */
const oftenPerSecond = 2_000;
/** From there on they come seldom again; in between everything stays as it is. */
const seldomPerSecond = 1_000;
/** Half of the detector's tick, at which they are read as well. */
const longestMs = 25;
/** While somebody waits for what has come. */
const hurriedMs = 5;
const shortestMs = 2;
/** How often they come is counted for so long. */
const sampleMs = 250;
/**
 * Of the buffer, at most: a page for its bytes, whatever their number, and what the kernel keeps of it. Over loopback it
 * takes some 800, from most network cards up to 2,304.
 */
const bytesEach = 4_352;

export interface BeatPaceOptions {
  readonly clock: Clock;
  /** Of the socket's buffer, as the kernel counts it. */
  readonly bufferBytes: number;
}

export class BeatPace {
  readonly #clock: Clock;
  /** Half of what the buffer holds. */
  readonly #room: number;
  #sampled = 0;
  #sinceMs: number;
  #perSecond = 0;
  #isOften = false;

  constructor({ clock, bufferBytes }: BeatPaceOptions) {
    this.#clock = clock;
    this.#room = bufferBytes / bytesEach / 2;
    this.#sinceMs = clock.monotonicMs();
  }

  /** Whether they are to be read at intervals. */
  get isOften(): boolean {
    return this.#isOften;
  }

  /** Until they are to be read again, at the latest. */
  intervalMs(isHurried: boolean): number {
    const untilHalfFullMs = (this.#room * 1_000) / Math.max(1, this.#perSecond);
    return Math.max(shortestMs, Math.min(isHurried ? hurriedMs : longestMs, untilHalfFullMs));
  }

  /** So many have been read. To be called with each reading, and with 0 when nothing had come. */
  heard(count: number): void {
    this.#sampled += count;
    const nowMs = this.#clock.monotonicMs();
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs < sampleMs) return;
    this.#perSecond = (this.#sampled * 1_000) / passedMs;
    this.#isOften = this.#perSecond > (this.#isOften ? seldomPerSecond : oftenPerSecond);
    this.#sampled = 0;
    this.#sinceMs = nowMs;
  }
}
