import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { seededRandom } from '../../base/random.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { aPod } from '../../test/support/scheduling-objects.ts';
import { toPodClass } from '../framework/pod-class.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

function aQueue(): {
  queue: SchedulingQueue;
  clock: ManualClock;
  set: (pod: Pod) => void;
  pop: () => string | undefined;
} {
  const clock = new ManualClock();
  const queue = new SchedulingQueue(clock, seededRandom(1));
  return {
    queue,
    clock,
    set: (pod) => queue.set(pod, toPodClass(pod)),
    pop: () => queue.pop()?.pod.metadata.name,
  };
}

const named = (name: string, priority = 0): Pod => aPod({ name, spec: { priority } });

describe('SchedulingQueue', () => {
  it('gives the highest priority first, then the longest waiting', () => {
    const { set, pop } = aQueue();
    for (const pod of [named('a'), named('b', 10), named('c'), named('d', 10)]) set(pod);
    expect([pop(), pop(), pop(), pop(), pop()]).toEqual(['b', 'd', 'a', 'c', undefined]);
  });

  it('gives a pod once while it is in work', () => {
    const { set, pop } = aQueue();
    const pod = named('a');
    set(pod);
    set(pod);
    expect([pop(), pop()]).toEqual(['a', undefined]);
  });

  it('keeps an unschedulable pod until something helps it', () => {
    const { queue, set, pop } = aQueue();
    const pod = named('a');
    set(pod);
    pop();
    queue.parkUnschedulable(pod.metadata.uid);
    queue.wake(() => false);
    expect(pop()).toBeUndefined();
    queue.wake(() => true);
    expect(pop()).toBe('a');
  });

  it('tries an unschedulable pod again after five minutes at the latest', async () => {
    const { queue, clock, set, pop } = aQueue();
    const pod = named('a');
    set(pod);
    pop();
    queue.parkUnschedulable(pod.metadata.uid);
    await clock.advance(299_000);
    expect(pop()).toBeUndefined();
    await clock.advance(1_000);
    expect(pop()).toBe('a');
  });

  it('backs off 1 s, 2 s, 4 s and at most 10 s', async () => {
    const { queue, clock, set, pop } = aQueue();
    const pod = named('a');
    set(pod);
    for (const seconds of [1, 2, 4, 8, 10, 10]) {
      expect(pop()).toBe('a');
      queue.retryLater(pod.metadata.uid);
      await clock.advance(seconds * 1_000 - 1);
      expect(pop()).toBeUndefined();
      await clock.advance(1);
    }
  });

  it('forgets a pod that is gone, also while it is in work or waits', async () => {
    const { queue, clock, set, pop } = aQueue();
    const [a, b] = [named('a'), named('b')];
    set(a);
    set(b);
    pop();
    queue.delete(a.metadata.uid);
    queue.retryLater(a.metadata.uid);
    queue.delete(b.metadata.uid);
    await clock.advance(600_000);
    expect(pop()).toBeUndefined();
    expect(clock.pendingTimers).toBe(0);
  });

  it('holds a gated pod until its gates are gone', () => {
    const { set, pop } = aQueue();
    const gated = aPod({ name: 'a', spec: { schedulingGates: [{ name: 'wait' }] } });
    set(gated);
    expect(pop()).toBeUndefined();
    set({ ...gated, spec: { ...gated.spec, schedulingGates: [] } });
    expect(pop()).toBe('a');
  });

  it('tries an unschedulable pod again when it is changed, not when only its status is', () => {
    const { queue, pop } = aQueue();
    const pod = named('a');
    const podClass = toPodClass(pod);
    queue.set(pod, podClass);
    pop();
    queue.parkUnschedulable(pod.metadata.uid);
    queue.set({ ...pod, status: { phase: 'Pending' } }, podClass);
    expect(pop()).toBeUndefined();
    const changed = { ...pod, spec: { ...pod.spec, nodeSelector: { disk: 'ssd' } } };
    queue.set(changed, toPodClass(changed));
    expect(pop()).toBe('a');
  });

  it('wakes its reader when a pod becomes active', async () => {
    const { queue, set } = aQueue();
    const ready = queue.whenActive(new AbortController().signal);
    set(named('a'));
    await ready;
    expect(queue.counts.active).toBe(1);
  });
});
