import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  createJudgeState,
  hear,
  type JudgePolicy,
  type JudgeState,
  judge,
  judgePolicy,
  listenAnew,
  trackNode,
  untrackNode,
  type Verdict,
  verdictOf,
} from './judge.ts';

const tickMs = 50;
const alive = { hasGuard: true, isDead: false };

function aState(nodes: readonly string[]): JudgeState {
  const state = createJudgeState(0);
  for (const node of nodes) trackNode(state, node, alive);
  return state;
}

/** Lets time pass in ticks; nodes not in `mute` beat every 500 ms. @returns the verdicts that were reached, in order */
function pass(
  state: JudgeState,
  fromMs: number,
  toMs: number,
  mute: readonly string[] = [],
  policy: JudgePolicy = judgePolicy,
): string[] {
  const verdicts: string[] = [];
  for (let now = fromMs; now <= toMs; now += tickMs) {
    if (now % 500 === 0)
      for (const [node, slot] of state.slots.entries()) if (!mute.includes(node)) hear(state, slot, now);
    for (const { node, verdict } of judge(state, now, policy).changes) verdicts.push(`${node} ${verdict}`);
  }
  return verdicts;
}

const verdictsOf = (state: JudgeState): Record<string, Verdict> =>
  Object.fromEntries([...state.slots.entries()].map(([node]) => [node, verdictOf(state, node)]));

describe('judge', () => {
  it('calls a node silent after two missed beats, dead after four, alive at the next', () => {
    const state = aState(['a', 'b', 'c']);
    pass(state, 0, 5_000);
    expect(pass(state, 5_050, 6_150, ['a'])).toEqual([]);
    expect(pass(state, 6_200, 6_950, ['a'])).toEqual(['a silent']);
    expect(pass(state, 7_000, 9_000, ['a'])).toEqual(['a dead']);
    expect(pass(state, 9_500, 9_550)).toEqual(['a alive']);
  });

  it('says nothing before it has listened for a whole period', () => {
    const state = aState(['a', 'b', 'c']);
    expect(pass(state, 0, judgePolicy.listenMs - tickMs, ['a'])).toEqual([]);
    pass(state, judgePolicy.listenMs, 10_000);
    listenAnew(state, 10_000);
    expect(pass(state, 10_050, 12_450, ['a', 'b'])).toEqual([]);
  });

  it('finds a node dead that fell silent while nobody led', () => {
    const state = aState(['a', 'b', 'c']);
    expect(pass(state, 0, 3_000, ['a'])).toContain('a dead');
  });

  it('does not judge a node that has never had a guard', () => {
    const state = aState(['a']);
    trackNode(state, 'bare', { hasGuard: false, isDead: false });
    pass(state, 0, 60_000, ['bare']);
    expect(verdictsOf(state)).toEqual({ a: 'alive', bare: 'unknown' });
  });

  it('declares nobody dead when too many fall silent together, nor the last ones while the others return', () => {
    const state = aState(['a', 'b', 'c', 'd']);
    pass(state, 0, 5_000);
    const verdicts = pass(state, 5_050, 60_000, ['a', 'b']);
    expect(verdicts.sort()).toEqual(['a silent', 'b silent']);
    expect(pass(state, 60_050, 65_000, ['a'])).toEqual(['b alive']);
    expect(pass(state, 65_050, 66_000, ['a'])).toEqual(['a dead']);
  });

  it('lets nodes die one after another', () => {
    const state = aState(['a', 'b', 'c']);
    pass(state, 0, 5_000);
    pass(state, 5_050, 20_000, ['a']);
    pass(state, 20_050, 30_000, ['a', 'b']);
    expect(verdictsOf(state)).toEqual({ a: 'dead', b: 'dead', c: 'alive' });
  });

  it('forgets a node that is gone, also for the next one in its place', () => {
    const state = aState(['a', 'b', 'c']);
    pass(state, 0, 5_000);
    expect(pass(state, 5_050, 9_000, ['a'])).toEqual(['a silent', 'a dead']);
    untrackNode(state, 'a');
    trackNode(state, 'd', { hasGuard: false, isDead: false });
    expect(pass(state, 9_050, 60_000, ['d'])).toEqual([]);
    expect(verdictsOf(state)).toEqual({ b: 'alive', c: 'alive', d: 'unknown' });
    expect(verdictOf(state, 'a')).toBe('unknown');
  });

  it('keeps deaths that an earlier detector declared, and does not count them as silent together', () => {
    const state = aState(['b', 'c']);
    trackNode(state, 'a', { hasGuard: true, isDead: true });
    expect(pass(state, 0, 5_000, ['a', 'b'])).toEqual(['b silent', 'c alive', 'b dead']);
  });
});

interface Silence {
  readonly node: number;
  readonly atMs: number;
  readonly forMs: number;
}

const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
const silences = fc.array(
  fc.record({
    node: fc.integer({ min: 0, max: names.length - 1 }),
    atMs: fc.integer({ min: 0, max: 40 }).map((n) => n * 250),
    forMs: fc.integer({ min: 0, max: 20 }).map((n) => n * 250),
  }),
  { maxLength: 8 },
);

/** Replays silences. @returns what must not happen, if it did */
function faultsOf(plan: readonly Silence[], policy: JudgePolicy): string[] {
  const state = aState(names);
  const faults: string[] = [];
  const lastBeat = new Map(names.map((name) => [name, 0]));
  for (let now = 0; now < 16_000; now += tickMs) {
    for (const [i, name] of names.entries()) {
      const mute = plan.some(({ node, atMs, forMs }) => node === i && now >= atMs && now < atMs + forMs);
      if (mute || (now + i * 50) % 500 !== 0) continue;
      hear(state, state.slots.take(name), now);
      lastBeat.set(name, now);
    }
    const { changes } = judge(state, now, policy);
    if (changes.length > 0 && now < judgePolicy.listenMs) faults.push('judged while listening');
    for (const { node, verdict } of changes) {
      const silentMs = now - (lastBeat.get(node) ?? 0);
      if (verdict === 'dead' && silentMs < 2_000) faults.push(`${node} dead after ${silentMs} ms`);
      if (verdict === 'silent' && silentMs < 1_200) faults.push(`${node} silent after ${silentMs} ms`);
    }
    const died = changes.filter(({ verdict }) => verdict === 'dead').length;
    if (died > 2) faults.push(`${died} of 7 dead at once`);
  }
  return faults;
}

describe('judge, whatever falls silent when', () => {
  it('never judges too early, and never a third at once', () => {
    fc.assert(
      fc.property(silences, (plan) => {
        expect(faultsOf(plan, judgePolicy)).toEqual([]);
      }),
    );
  });

  it('is checked by a property that rejects an impatient judge', () => {
    const impatient = { ...judgePolicy, deadAfterMs: 500, silentAfterMs: 400, listenMs: 0 };
    expect(faultsOf([{ node: 0, atMs: 5_000, forMs: 3_000 }], impatient)).not.toEqual([]);
  });
});
