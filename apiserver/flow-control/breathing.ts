/**
 * What waits in the queues leaves the event loop free for a part of the time, so that who comes then need not wait behind
 * it: for each millisecond that the loop was busy it is left alone for half a millisecond, and for up to two when others come
 * often. A process that has used up its share of a processor stands still, which looks busy: a loop that rests enough never
 * gets there.
 */
import type { Clock } from '../../base/clock.ts';
import { LoopTime } from '../../base/loop-time.ts';

/** Of rest for one of work, when nobody else comes. */
const leastRest = 0.5;
const mostRest = 2;
/** More of it for each request a second of somebody who need not wait. */
const restPerRequest = 0.05;
/** What others ask is counted with this memory. */
const memoryMs = 1_000;
/** However long a turn was, who waits is served after this. */
export const longestRestMs = 30;
/** What was rested too much counts this long. */
const creditMs = 4;

export class Breathing {
  readonly #clock: Clock;
  readonly #loop: LoopTime;
  #owedMs = 0;
  /** Requests of others, each of which is forgotten by and by. */
  #others = 0;
  #countedMs: number;

  /** @param busyMs for how long the loop has not waited for anything since its start */
  constructor(clock: Clock, busyMs: () => number) {
    this.#clock = clock;
    this.#loop = new LoopTime(clock, busyMs);
    this.#countedMs = clock.monotonicMs();
  }

  /** Somebody came who need not wait, while others do. */
  passed(): void {
    this.#others = this.#remembered() + 1;
    this.#countedMs = this.#clock.monotonicMs();
  }

  /** For how long nobody of those who wait shall start. */
  restMs(): number {
    const { busyMs, idleMs } = this.#loop.sinceLast();
    const rest = Math.min(mostRest, leastRest + this.#remembered() * restPerRequest);
    this.#owedMs = Math.max(-creditMs, Math.min(longestRestMs, this.#owedMs + busyMs * rest - idleMs));
    return this.#owedMs < 1 ? 0 : this.#owedMs;
  }

  #remembered(): number {
    return this.#others * Math.exp((this.#countedMs - this.#clock.monotonicMs()) / memoryMs);
  }
}
