import { describe, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { TurnQueue } from './turn-queue.ts';

/** Time passes only when a piece of work takes it; a turn ends when the test says so. */
class TurnClock implements Clock {
  #nowMs = 0;
  #immediates: (() => void)[] = [];
  nowMs = (): number => this.#nowMs;
  monotonicMs = (): number => this.#nowMs;
  setTimer(): never {
    throw new Error('nothing here waits for a time');
  }
  setImmediate(run: () => void): { cancel(): void } {
    this.#immediates.push(run);
    return { cancel: () => undefined };
  }
  work(ms: number): void {
    this.#nowMs += ms;
  }
  /** @returns whether anything was to be done */
  turn(): boolean {
    const due = this.#immediates;
    this.#immediates = [];
    for (const run of due) run();
    return due.length > 0;
  }
}

describe('turn queue', () => {
  it('begins at once what a turn has time for', () => {
    const clock = new TurnClock();
    const queue = new TurnQueue({ clock, turnMs: 4 });
    const begun: number[] = [];
    for (const each of [1, 2, 3]) queue.add(() => begun.push(each));
    expect(begun).toEqual([1, 2, 3]);
    expect(queue.size).toBe(0);
  });

  it('spreads over turns what comes together, in order', () => {
    const clock = new TurnClock();
    const queue = new TurnQueue({ clock, turnMs: 4 });
    const begun: number[] = [];
    for (let each = 0; each < 1_000; each += 1)
      queue.add(() => {
        begun.push(each);
        clock.work(1);
      });
    let most = begun.length;
    let turns = 1;
    for (let before = begun.length; clock.turn(); before = begun.length) {
      most = Math.max(most, begun.length - before);
      turns += 1;
    }
    expect(most).toBe(4);
    expect(turns).toBeGreaterThanOrEqual(250);
    expect(begun).toEqual(Array.from({ length: 1_000 }, (_, at) => at));
  });

  it('begins one a turn of what takes longer than a turn has', () => {
    const clock = new TurnClock();
    const queue = new TurnQueue({ clock, turnMs: 4 });
    const begun: number[] = [];
    for (const each of [1, 2, 3])
      queue.add(() => {
        begun.push(each);
        clock.work(50);
      });
    expect(begun).toEqual([1]);
    clock.turn();
    expect(begun).toEqual([1, 2]);
    clock.turn();
    expect(begun).toEqual([1, 2, 3]);
  });

  it('begins less after a turn that others have made long', () => {
    const clock = new TurnClock();
    const queue = new TurnQueue({ clock, turnMs: 6 });
    let begun = 0;
    for (let each = 0; each < 100; each += 1)
      queue.add(() => {
        begun += 1;
        clock.work(1);
      });
    const inTurn = (othersMs: number): number => {
      const before = begun;
      clock.work(othersMs);
      clock.turn();
      return begun - before;
    };
    expect(begun).toBe(6);
    expect(inTurn(24)).toBe(3);
    expect(inTurn(200)).toBe(1);
    expect(inTurn(0)).toBe(6);
  });

  it('takes turns with work that goes on', () => {
    const clock = new TurnClock();
    const queue = new TurnQueue({ clock, turnMs: 4 });
    const begun: string[] = [];
    const long = (left: number) => (): void => {
      begun.push('long');
      clock.work(1);
      if (left > 1) queue.add(long(left - 1));
    };
    queue.add(long(20));
    clock.work(100);
    queue.add(() => begun.push('other'));
    while (clock.turn());
    expect(begun.indexOf('other')).toBeLessThan(10);
    expect(begun.filter((each) => each === 'long')).toHaveLength(20);
  });
});
