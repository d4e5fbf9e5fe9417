import { describe, expect, it } from 'vitest';
import { aPod, t0Ms } from '../test/support/workload-objects.ts';
import { podsToDelete } from './deletion-rank.ts';

const day = 86_400_000;

describe('podsToDelete', () => {
  it.each([
    [
      'an unassigned one before one on a node',
      aPod({ phase: 'Pending' }),
      aPod({ node: 'a', phase: 'Pending' }),
    ],
    ['a pending one before a running one', aPod({ node: 'a', phase: 'Pending' }), aPod({ node: 'a' })],
    ['one that is not ready before a ready one', aPod({ node: 'a', ready: false }), aPod({ node: 'a' })],
    [
      'a cheap one before a dear one',
      aPod({ node: 'a', annotations: { 'controller.kubernetes.io/pod-deletion-cost': '-1' } }),
      aPod({ node: 'a' }),
    ],
    [
      'one that became ready a minute ago before one of yesterday',
      aPod({ node: 'a', readySince: '2026-01-01T23:59:00Z' }),
      aPod({ node: 'a' }),
    ],
    ['one that restarts before one that does not', aPod({ node: 'a', restarts: 3 }), aPod({ node: 'a' })],
    [
      'a young one before an old one',
      aPod({ node: 'a', created: '2026-01-01T23:59:00Z' }),
      aPod({ node: 'a' }),
    ],
  ])('takes %s', (_title, first, second) => {
    const pods = [second, first];
    expect(podsToDelete(pods, pods, 1, t0Ms + day)).toEqual([first]);
  });

  it('takes one of two on the same node before one that is alone', () => {
    const [left, right, alone] = [aPod({ node: 'a' }), aPod({ node: 'a' }), aPod({ node: 'b' })];
    const doomed = podsToDelete([alone, left, right], [alone, left, right], 1, t0Ms);
    expect(doomed).not.toContain(alone);
  });

  it('takes all when all have to go', () => {
    const pods = [aPod(), aPod()];
    expect(podsToDelete(pods, pods, 5, t0Ms)).toHaveLength(2);
  });
});
