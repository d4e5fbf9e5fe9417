import { describe, expect, it } from 'vitest';
import { ManualClock } from '../test/support/manual-clock.ts';
import { OwnBindings } from './own-bindings.ts';
import { SeenPods } from './seen-pods.ts';

function someBindings() {
  const seen = new SeenPods();
  const clock = new ManualClock();
  const binder = { isBinding: false };
  const confirmed = { confirm: ({ uid }: { readonly uid: string }) => uid !== 'seen before' };
  const own = new OwnBindings({ clock, seen, binder, confirmed });
  const bind = (version: string, uid = 'uid'): void => own.bound({ uid, nodeName: 'n1', version });
  return { seen, clock, binder, own, bind };
}

describe('OwnBindings', () => {
  it('takes each expected version once, and counts it as seen', () => {
    const { own, seen, bind } = someBindings();
    bind('41');
    bind('42');
    bind('43', 'seen before');
    expect(own.takes('40')).toBe(false);
    expect(seen.version()).toBeUndefined();
    expect(own.takes('41')).toBe(true);
    expect(seen.version()).toBe(41);
    expect([own.takes('41'), own.takes('42'), own.takes('42')]).toEqual([false, true, false]);
    expect(seen.version()).toBe(42);
    expect(own.takes('43')).toBe(false);
  });

  it('forgets the oldest of very many that never came', () => {
    const { own, bind } = someBindings();
    for (let version = 1; version <= 4_001; version += 1) bind(`${version}`);
    expect([own.takes('1'), own.takes('2'), own.takes('4001')]).toEqual([false, true, true]);
  });

  it('lets a watch wait for answers while any is awaited, once a turn', async () => {
    const { own, clock, binder } = someBindings();
    const turns: string[] = [];
    expect(own.whenAnswered()).toBeUndefined();
    binder.isBinding = true;
    for (const chunk of ['first', 'later']) {
      const waiting = own.whenAnswered()?.then(() => {
        turns.push(`${chunk} ${own.whenAnswered() === undefined ? 'with others' : 'alone'}`);
      });
      expect(turns).not.toContain(`${chunk} with others`);
      await clock.advance(0);
      await waiting;
      await clock.advance(0);
    }
    expect(turns).toEqual(['first with others', 'later with others']);
  });
});
