import type { Change, History } from '../history.ts';

/** What a check sees of the world, and where it says what it found. */
export interface CheckContext {
  readonly history: History;
  nowMs(): number;
  violate(check: string, message: string): void;
}

/** A property that holds all the time. It is told of every change in the store, after it. */
export interface Checker {
  observe(change: Change): void;
}
