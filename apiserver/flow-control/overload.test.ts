import { describe, expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { Breathing, longestRestMs } from './breathing.ts';
import type { FlowRequest } from './flow-schema.ts';
import { InflightLimits } from './inflight-limits.ts';
import { Lending } from './lending.ts';
import { maxHeldRefusals, PacedRefusals, refusalBurst, refusalsPerSecond } from './paced-refusals.ts';

const never = new AbortController().signal;

describe('refusals', () => {
  const refuse = (refusals: PacedRefusals, flow: string, count: number): { told: number; held: boolean } => {
    const state = { told: 0, held: true };
    for (let at = 0; at < count; at += 1)
      state.held = refusals.add(flow, () => (state.told += 1), never) && state.held;
    return state;
  };

  test('of who asks seldom are told at once', () => {
    const refusals = new PacedRefusals(new ManualClock());
    expect(refuse(refusals, 'jane', refusalBurst).told).toBe(refusalBurst);
    expect(refusals.held).toBe(0);
  });

  test('of who asks without a pause are told at a bounded rate, all in the end', async () => {
    const clock = new ManualClock();
    const refusals = new PacedRefusals(clock);
    const flood = refuse(refusals, 'flood', 500);
    expect(flood.told).toBe(refusalBurst);
    await clock.advance(1_000);
    expect(flood.told).toBe(refusalBurst + refusalsPerSecond);
    expect(refuse(refusals, 'jane', 1).told).toBe(1);
    await clock.advance(20_000);
    expect(flood.told).toBe(500);
    expect(refusals.held).toBe(0);
  });

  test('are held up to a limit, and forgotten with their client', () => {
    const refusals = new PacedRefusals(new ManualClock());
    expect(refuse(refusals, 'flood', refusalBurst + maxHeldRefusals).held).toBe(true);
    expect(refuse(refusals, 'flood', 1).held).toBe(false);
    const client = new AbortController();
    const others = new PacedRefusals(new ManualClock());
    refuse(others, 'flood', refusalBurst);
    let told = 0;
    others.add('flood', () => (told += 1), client.signal);
    expect(others.held).toBe(1);
    client.abort();
    expect([others.held, told]).toEqual([0, 1]);
  });
});

describe('seats that are lent', () => {
  test('become fewer while turns are long, and more again', () => {
    const lending = new Lending(40);
    lending.turned(1);
    expect(lending.limit).toBe(40);
    for (let turn = 0; turn < 20; turn += 1) lending.turned(10);
    expect(lending.limit).toBe(0);
    for (let turn = 0; turn < 200; turn += 1) lending.turned(1);
    expect(lending.limit).toBe(40);
  });
});

describe('what waits leaves the event loop free', () => {
  /** The share of time for which the loop is busy when every turn takes `turnMs` and `others` come in a second. */
  const busyShare = async (turnMs: number, others: number): Promise<number> => {
    const clock = new ManualClock();
    const busy = { ms: 0 };
    const breathing = new Breathing(clock, () => busy.ms);
    let came = 0;
    while (clock.monotonicMs() < 10_000) {
      busy.ms += turnMs;
      await clock.advance(turnMs);
      for (; came < (clock.monotonicMs() / 1_000) * others; came += 1) breathing.passed();
      await clock.advance(breathing.restMs());
    }
    return busy.ms / clock.monotonicMs();
  };

  test('for a third of the time when nobody else comes, however long a turn is', async () => {
    for (const turnMs of [1, 4, 20]) expect(await busyShare(turnMs, 0)).toBeCloseTo(2 / 3, 1);
  });

  test('for two thirds when others come often', async () => {
    expect(await busyShare(4, 100)).toBeCloseTo(1 / 3, 1);
    expect(await busyShare(4, 10)).toBeCloseTo(1 / 2, 1);
  });

  test('for no longer than is bearable after a very long turn', async () => {
    const clock = new ManualClock();
    const busy = { ms: 0 };
    const breathing = new Breathing(clock, () => busy.ms);
    busy.ms = 5_000;
    await clock.advance(5_000);
    expect(breathing.restMs()).toBe(longestRestMs);
  });

  test('not at all when it was free before', async () => {
    const clock = new ManualClock();
    const breathing = new Breathing(clock, () => 0);
    await clock.advance(100);
    expect(breathing.restMs()).toBe(0);
  });
});

describe('without priority and fairness', () => {
  const user = (name: string, ...groups: readonly string[]): UserInfo => ({
    name,
    uid: '',
    groups,
    extra: {},
  });
  const ask = (verb: string, who: UserInfo): FlowRequest => ({
    ...{ user: who, isResource: true, path: '', verb, group: '', resource: 'pods' },
    ...{ subresource: '', namespace: 'default' },
  });

  test('two numbers bound everybody but masters', () => {
    const limits = new InflightLimits({ readOnly: 1, mutating: 1 });
    const seat = limits.admit(ask('get', user('a')));
    expect(() => limits.admit(ask('list', user('b')))).toThrow('too many requests');
    limits.admit(ask('create', user('b')));
    expect(() => limits.admit(ask('delete', user('a')))).toThrow('too many requests');
    limits.admit(ask('get', user('admin', 'system:masters')));
    seat.release();
    seat.release();
    limits.admit(ask('watch', user('b')));
    expect(() => limits.admit(ask('watch', user('b')))).toThrow('too many requests');
  });
});
