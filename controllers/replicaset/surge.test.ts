import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { movingAnnotation } from '../../api/moving-pod.ts';
import { toTime } from '../../base/clock.ts';
import { aPod } from '../../test/support/scheduling-objects.ts';
import { podsToDelete } from '../deletion-rank.ts';
import { planSize } from './surge.ts';

const nowMs = Date.UTC(2026, 0, 1);

const pod = (untilMs?: number): Pod => {
  const bare = aPod({ owner: 'web', spec: { nodeName: 'node-1' } });
  const annotations = untilMs === undefined ? {} : { [movingAnnotation]: toTime(untilMs) };
  const conditions = [{ type: 'Ready', status: 'True' }];
  return { ...bare, metadata: { ...bare.metadata, annotations }, status: { phase: 'Running', conditions } };
};

describe('the size of a ReplicaSet', () => {
  it.each([
    ['what is asked for', 3, [pod(), pod()], { size: 3, changesInMs: Number.POSITIVE_INFINITY }],
    ['one more while a pod is moved', 3, [pod(), pod(nowMs + 5_000)], { size: 4, changesInMs: 5_000 }],
    [
      'one more however many are marked',
      2,
      [pod(nowMs + 1_000), pod(nowMs + 5_000)],
      { size: 3, changesInMs: 5_000 },
    ],
    ['without what ran out', 3, [pod(nowMs - 1)], { size: 3, changesInMs: Number.POSITIVE_INFINITY }],
    ['none for none', 0, [pod(nowMs + 5_000)], { size: 0, changesInMs: Number.POSITIVE_INFINITY }],
  ])('is %s', (_, replicas, active, size) => {
    expect(planSize(replicas, active, nowMs)).toEqual(size);
  });

  it('goes down by the pod that is being moved, once its replacement is ready', () => {
    const [moving, replacement, starting] = [pod(nowMs - 1), pod(), pod()];
    expect(podsToDelete([replacement, moving], [], 1, nowMs)).toEqual([moving]);
    const unready = { ...starting, status: { phase: 'Pending' } };
    expect(podsToDelete([moving, unready], [], 1, nowMs)).toEqual([unready]);
  });
});
