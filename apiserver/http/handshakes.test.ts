import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { Handshakes } from './handshakes.ts';

describe('handshakes', () => {
  it('begin a few at a time, each as another ends', () => {
    const handshakes = new Handshakes(new ManualClock());
    const begun: number[] = [];
    for (let each = 0; each < 20; each += 1) handshakes.add(() => begun.push(each));
    expect(begun).toHaveLength(8);
    handshakes.ended();
    handshakes.ended();
    expect(begun).toEqual(Array.from({ length: 10 }, (_, at) => at));
  });

  it('do not wait for clients that do not answer', async () => {
    const clock = new ManualClock();
    const handshakes = new Handshakes(clock);
    let begun = 0;
    for (let each = 0; each < 20; each += 1)
      handshakes.add(() => {
        begun += 1;
      });
    await clock.advance(99);
    expect(begun).toBe(8);
    await clock.advance(2);
    expect(begun).toBe(16);
    await clock.advance(101);
    expect(begun).toBe(20);
  });

  it('begin at once when none is under way', () => {
    const handshakes = new Handshakes(new ManualClock());
    let begun = 0;
    for (let each = 0; each < 100; each += 1) {
      handshakes.add(() => {
        begun += 1;
      });
      handshakes.ended();
    }
    expect(begun).toBe(100);
  });
});
