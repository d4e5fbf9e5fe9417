import { describe, expect, it } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { createJudgeState, hear, type JudgeState, trackNode } from './judge.ts';
import { leastVersionOf } from './least-version.ts';
import { VersionAnswers } from './version-answers.ts';

function aState(versions: Readonly<Record<string, number>>, heardAtMs = 0): JudgeState {
  const state = createJudgeState(0);
  for (const [node, version] of Object.entries(versions)) {
    const slot = trackNode(state, node, { hasGuard: true, isDead: false });
    hear(state, slot, heardAtMs, version);
  }
  return state;
}

describe('leastVersionOf', () => {
  it('is the least of the live nodes', () => {
    expect(leastVersionOf(aState({ a: 384, b: 256, c: 512 }), 100)).toBe(256);
  });

  it('is not held back by nodes that are silent, unheard or without a data plane', () => {
    const state = aState({ a: 384, late: 128, fresh: 0 });
    trackNode(state, 'unheard', { hasGuard: true, isDead: false });
    hear(state, state.slots.take('a'), 1_200, 384);
    expect(leastVersionOf(state, 1_199)).toBe(128);
    expect(leastVersionOf(state, 1_200)).toBe(384);
  });

  it('is unknown while nobody has a data plane', () => {
    expect(leastVersionOf(aState({ a: 0 }), 0)).toBeUndefined();
  });
});

describe('VersionAnswers', () => {
  interface Cluster {
    readonly clock: ManualClock;
    /** `NODE VERSION` of each answer. */
    readonly told: string[];
    beat(node: string, version: number, awaitedVersion?: number): void;
  }

  function aCluster(versions: Readonly<Record<string, number>>): Cluster {
    const clock = new ManualClock();
    const state = aState(versions);
    const told: string[] = [];
    const answers = new VersionAnswers({
      clock,
      leastVersion: () => leastVersionOf(state, 0),
      answer: (node, version) => told.push(`${node} ${version}`),
    });
    return {
      clock,
      told,
      beat: (node, dataPlaneVersion, awaitedVersion) => {
        hear(state, state.slots.take(node), 0, dataPlaneVersion);
        answers.hear(node, awaitedVersion);
      },
    };
  }

  it('sends nothing while nobody asks', async () => {
    const { clock, told, beat } = aCluster({ a: 1, b: 1 });
    for (const version of [2, 3, 4]) {
      beat('a', version);
      beat('b', version);
    }
    await clock.advance(100);
    expect(told).toEqual([]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('tells who asks at once, at each rise, and no more when the version is reached', async () => {
    const { clock, told, beat } = aCluster({ a: 1, b: 1, c: 1 });
    beat('a', 3, 3);
    expect(told).toEqual(['a 1']);
    await clock.advance(10);
    beat('b', 2);
    await clock.advance(10);
    beat('c', 3);
    await clock.advance(10);
    beat('b', 3);
    await clock.advance(10);
    beat('b', 4);
    beat('c', 4);
    beat('a', 4);
    await clock.advance(10);
    expect(told).toEqual(['a 1', 'a 2', 'a 3']);
  });

  it('answers each beat that asks, also when nothing has risen: an answer may have been lost', async () => {
    const { clock, told, beat } = aCluster({ a: 1, b: 1 });
    beat('a', 5, 5);
    await clock.advance(500);
    beat('a', 5, 5);
    expect(told).toEqual(['a 1', 'a 1']);
  });

  it('joins answers to rises that come within 5 ms', async () => {
    const { clock, told, beat } = aCluster({ a: 1, b: 1 });
    beat('a', 9, 9);
    for (const version of [2, 3, 4, 5]) {
      beat('b', version);
      await clock.advance(1);
    }
    await clock.advance(10);
    expect(told).toEqual(['a 1', 'a 5']);
  });
});
