import type { Clock } from '../../base/clock.ts';
import { Throttle } from '../../base/throttle.ts';

/** The least version is computed at most so often: a pass over 5,000 nodes costs 0.01 ms. */
const minIntervalMs = 5;
/** Answers cost up to 50 us each and are to take no more than a tenth of a core, however many wait. */
const intervalPerWaitingMs = 0.5;

interface Waiting {
  readonly awaitedVersion: number;
  /** The last answer; undefined when this beat has not been answered yet. */
  toldVersion: number | undefined;
}

export interface VersionAnswersOptions {
  /** Undefined while it is not known. */
  readonly leastVersion: () => number | undefined;
  /** Tells the node's guard. */
  readonly answer: (node: string, leastVersion: number) => void;
  readonly clock: Clock;
}

/**
 * Tells guards that wait for a version how far the least of the live nodes' data planes has come: once for each beat
 * that asks, then at every rise until it has reached the version. Who does not ask causes no work.
 */
export class VersionAnswers {
  readonly #leastVersion: () => number | undefined;
  readonly #tell: (node: string, leastVersion: number) => void;
  readonly #waiting = new Map<string, Waiting>();
  readonly #throttle: Throttle;

  constructor({ leastVersion, answer, clock }: VersionAnswersOptions) {
    this.#leastVersion = leastVersion;
    this.#tell = answer;
    this.#throttle = new Throttle({
      clock,
      intervalMs: () => Math.max(minIntervalMs, intervalPerWaitingMs * this.#waiting.size),
      run: () => this.#answer(),
    });
  }

  /** Whether a guard waits. */
  get isAwaited(): boolean {
    return this.#waiting.size > 0;
  }

  /** To be called after the judge has heard the beat. */
  hear(node: string, awaitedVersion: number | undefined): void {
    if (awaitedVersion !== undefined) this.#waiting.set(node, { awaitedVersion, toldVersion: undefined });
    else if (this.#waiting.size === 0) return;
    else this.#waiting.delete(node);
    if (this.#waiting.size > 0) this.#throttle.request();
  }

  forget(node: string): void {
    this.#waiting.delete(node);
  }

  stop(): void {
    this.#throttle.cancel();
  }

  #answer(): void {
    const least = this.#leastVersion();
    if (least === undefined) return;
    for (const [node, waiting] of this.#waiting) {
      if (waiting.toldVersion === undefined || least > waiting.toldVersion) this.#tell(node, least);
      waiting.toldVersion = least;
      if (least >= waiting.awaitedVersion) this.#waiting.delete(node);
    }
  }
}
