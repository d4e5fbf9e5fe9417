import { beforeEach, describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { Handshakes } from './handshakes.ts';

describe('handshakes', () => {
  let clock: ManualClock;
  let handshakes: Handshakes;
  let begun: number[];

  beforeEach(() => {
    clock = new ManualClock();
    handshakes = new Handshakes(clock);
    begun = [];
  });

  const add = (count: number): void => {
    for (let each = 0; each < count; each += 1) handshakes.add(`${each}`, () => void begun.push(each));
  };
  const first = (count: number): number[] => Array.from({ length: count }, (_, at) => at);

  it('begin a few in a turn of the event loop, and a few at a time, each as another ends', async () => {
    add(20);
    expect(begun).toEqual(first(2));
    await clock.advance(0);
    expect(begun).toEqual(first(4));
    handshakes.ended('3');
    handshakes.ended('3');
    handshakes.ended('1');
    await clock.advance(0);
    expect(begun).toEqual(first(6));
  });

  it('begin one by one while turns are long', async () => {
    const turns: (() => void)[] = [];
    let nowMs = 0;
    const ofTurns = {
      nowMs: () => nowMs,
      monotonicMs: () => nowMs,
      setTimer: () => ({ cancel: () => undefined }),
      setImmediate: (run: () => void) => {
        turns.push(run);
        return { cancel: () => undefined };
      },
    };
    handshakes = new Handshakes(ofTurns);
    const turn = (tookMs: number): void => {
      nowMs += tookMs;
      for (const run of turns.splice(0)) run();
      for (const each of begun) handshakes.ended(`${each}`);
    };
    add(20);
    expect(begun).toEqual(first(2));
    turn(40);
    expect(begun).toEqual(first(3));
    turn(40);
    expect(begun).toEqual(first(4));
    turn(10);
    expect(begun).toEqual(first(6));
  });

  it('begin a few in a turn however many end in it', async () => {
    add(20);
    for (const each of first(20)) handshakes.ended(`${each}`);
    expect(begun).toEqual(first(2));
    add(20);
    await clock.advance(0);
    expect(begun.length).toBeLessThanOrEqual(6);
  });

  it('do not wait for clients that do not answer, nor count one for another that ends after all', async () => {
    add(40);
    await clock.advance(19);
    expect(begun).toEqual(first(4));
    await clock.advance(1);
    expect(begun).toEqual(first(8));
    for (const each of first(4)) handshakes.ended(`${each}`);
    await clock.advance(19);
    expect(begun).toEqual(first(8));
    await clock.advance(141);
    expect(begun).toEqual(first(40));
  });

  it('begin at once when none is under way', async () => {
    for (const each of first(100)) {
      handshakes.add(`${each}`, () => void begun.push(each));
      expect(begun).toEqual(first(each + 1));
      handshakes.ended(`${each}`);
      await clock.advance(0);
    }
  });

  it('that are given up before they begin are forgotten', async () => {
    add(10);
    for (const each of first(10)) handshakes.ended(`${each}`);
    await clock.advance(1_000);
    expect(begun).toEqual(first(2));
  });
});
