import type { Clock, Timer } from '../../base/clock.ts';
import { type Phase, startMs, type VirtualTime } from './virtual-time.ts';

/**
 * One process of the simulated world: its clock, and all that can happen to it. While it is paused nothing runs in it;
 * what falls due or arrives meanwhile waits, and comes in an event loop's order when it goes on. A killed process never
 * runs again: its promises stay open for ever.
 */
export class SimulatedProcess implements Clock {
  readonly name: string;
  readonly #time: VirtualTime;
  readonly #onEnd = new Set<() => void>();
  #state: 'running' | 'paused' | 'dead' = 'running';
  #waiting: { readonly phase: Phase; readonly run: () => void }[] = [];

  constructor(name: string, time: VirtualTime) {
    this.name = name;
    this.#time = time;
  }

  get isDead(): boolean {
    return this.#state === 'dead';
  }

  get isPaused(): boolean {
    return this.#state === 'paused';
  }

  nowMs(): number {
    return startMs + Math.floor(this.#time.nowMs);
  }

  monotonicMs(): number {
    return this.#time.nowMs;
  }

  setTimer(delayMs: number, run: () => void): Timer {
    return this.#schedule(delayMs, 'timer', run);
  }

  setImmediate(run: () => void): Timer {
    return this.#schedule(0, 'immediate', run);
  }

  /** Something reaches this process from outside after `delayMs`. */
  arrive(delayMs: number, run: () => void): Timer {
    return this.#schedule(delayMs, 'arrival', run);
  }

  pause(): void {
    if (this.#state === 'running') this.#state = 'paused';
  }

  resume(): void {
    if (this.#state !== 'paused') return;
    this.#state = 'running';
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { phase, run } of waiting) this.#schedule(0, phase, run);
  }

  kill(): void {
    if (this.#state === 'dead') return;
    this.#state = 'dead';
    this.#waiting = [];
    for (const run of [...this.#onEnd]) run();
    this.#onEnd.clear();
  }

  /** The operating system closes what the process had open. @returns takes the callback back */
  onEnd(run: () => void): () => void {
    this.#onEnd.add(run);
    return () => this.#onEnd.delete(run);
  }

  #schedule(delayMs: number, phase: Phase, run: () => void): Timer {
    let cancelled = false;
    const due = (): void => {
      if (!cancelled) run();
    };
    const happening = this.#time.schedule(delayMs, phase, () => {
      if (this.#state === 'running') due();
      else if (this.#state === 'paused') this.#waiting.push({ phase, run: due });
    });
    return {
      cancel: () => {
        cancelled = true;
        happening.cancelled = true;
      },
    };
  }
}
