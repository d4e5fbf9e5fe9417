import { describe, expect, it } from 'vitest';
import { ManualClock } from '../test/support/manual-clock.ts';
import { OwnBindings } from './own-bindings.ts';
import { SeenPods } from './seen-pods.ts';

function someBindings(isBinding: () => boolean = () => false) {
  const seen = new SeenPods();
  const clock = new ManualClock();
  return { seen, clock, own: new OwnBindings({ clock, seen, isBinding }) };
}

describe('OwnBindings', () => {
  it('takes each expected version once, and counts it as seen', () => {
    const { own, seen } = someBindings();
    own.expect('41');
    own.expect('42');
    expect(own.takes('40')).toBe(false);
    expect(seen.version()).toBeUndefined();
    expect(own.takes('41')).toBe(true);
    expect(seen.version()).toBe(41);
    expect([own.takes('41'), own.takes('42'), own.takes('42')]).toEqual([false, true, false]);
    expect(seen.version()).toBe(42);
  });

  it('forgets the oldest of very many that never came', () => {
    const { own } = someBindings();
    for (let version = 1; version <= 4_001; version += 1) own.expect(`${version}`);
    expect([own.takes('1'), own.takes('2'), own.takes('4001')]).toEqual([false, true, true]);
  });

  it('lets a watch wait a turn for answers while any is awaited', async () => {
    let isBinding = false;
    const { own, clock } = someBindings(() => isBinding);
    expect(own.whenAnswered()).toBeUndefined();
    isBinding = true;
    let hasTurned = false;
    const waiting = own.whenAnswered()?.then(() => (hasTurned = true));
    expect(hasTurned).toBe(false);
    await clock.advance(0);
    await waiting;
    expect(hasTurned).toBe(true);
  });
});
