/**
 * Random histories of the queue: of those that are ready the most important goes first, among equals the one that has
 * been ready longest; a pod is in one pair of hands at a time; and none is forgotten, whatever was done with it.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { aPod } from '../../test/support/scheduling-objects.ts';
import { toPodClass } from '../framework/pod-class.ts';
import { PriorityHeap } from './priority-heap.ts';
import { SchedulingQueue } from './scheduling-queue.ts';

const step = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('add' as const), priority: fc.integer({ min: 0, max: 3 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('pop' as const),
      outcome: fc.constantFrom('keep', 'park', 'retry', 'back', 'done'),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom('remove' as const, 'wakeOne' as const, 'take' as const),
      at: fc.nat(9),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wake' as const), priority: fc.integer({ min: 0, max: 3 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(500, 3_000, 12_000) }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

interface Known {
  readonly uid: string;
  readonly priority: number;
  /** Order in which pods became ready; undefined while they are not known to be. */
  readySince: number | undefined;
  inWork: boolean;
}

/** The longest that a pod that nobody wakes stays away. */
const longestMs = 5 * 60_000;

class Run {
  readonly faults: string[] = [];
  readonly #clock = new ManualClock();
  readonly #queue = new SchedulingQueue(this.#clock, seededRandom(1));
  readonly #pods = new Map<string, Known>();
  #turn = 0;

  async play(steps: readonly Step[]): Promise<void> {
    for (const each of steps) await this.#apply(each);
    for (const pod of this.#pods.values()) if (pod.inWork) this.#queue.parkUnschedulable(pod.uid);
    await this.#clock.advance(longestMs);
    const popped = new Set<string>();
    for (let next = this.#queue.pop(); next !== undefined; next = this.#queue.pop()) popped.add(next.uid);
    for (const { uid } of this.#pods.values()) if (!popped.has(uid)) this.faults.push(`forgot ${uid}`);
  }

  async #apply(each: Step): Promise<void> {
    switch (each.kind) {
      case 'add': {
        const pod = aPod({ spec: { priority: each.priority } });
        const { uid } = pod.metadata;
        this.#pods.set(uid, { uid, priority: each.priority, readySince: this.#nextTurn(), inWork: false });
        this.#queue.set(pod, toPodClass(pod));
        return;
      }
      case 'pop':
        this.#pop(each.outcome);
        return;
      case 'remove':
      case 'wakeOne':
      case 'take':
        this.#one(each.kind, each.at);
        return;
      case 'wake':
        this.#queue.wake(({ podClass: { priority } }) => priority === each.priority);
        return;
      case 'wait':
        await this.#clock.advance(each.ms);
    }
  }

  #pop(then: string): void {
    const next = this.#queue.pop();
    if (next === undefined) return;
    const pod = this.#pods.get(next.uid);
    if (pod === undefined) {
      this.faults.push(`gave ${next.uid}, which is gone`);
      return;
    }
    if (pod.inWork) this.faults.push(`gave ${pod.uid} twice`);
    for (const other of this.#pods.values()) {
      if (other === pod || other.inWork || other.readySince === undefined) continue;
      const isBefore =
        other.priority > pod.priority ||
        (other.priority === pod.priority &&
          pod.readySince !== undefined &&
          other.readySince < pod.readySince);
      if (isBefore) this.faults.push(`gave ${pod.uid} before ${other.uid}`);
    }
    pod.inWork = true;
    pod.readySince = undefined;
    this.#finish(pod, then);
  }

  #finish(pod: Known, then: string): void {
    if (then === 'keep') return;
    pod.inWork = false;
    if (then === 'park') this.#queue.parkUnschedulable(pod.uid);
    if (then === 'retry') this.#queue.retryLater(pod.uid);
    if (then === 'back') {
      this.#queue.putBack(pod.uid);
      pod.readySince = this.#nextTurn();
    }
    if (then !== 'done') return;
    this.#queue.delete(pod.uid);
    this.#pods.delete(pod.uid);
  }

  #one(kind: 'remove' | 'wakeOne' | 'take', at: number): void {
    const pod = [...this.#pods.values()][at];
    if (pod === undefined) return;
    if (kind === 'remove') {
      this.#queue.delete(pod.uid);
      this.#pods.delete(pod.uid);
    } else if (kind === 'take') {
      if (this.#queue.take(pod.uid) === undefined) return;
      if (pod.inWork) this.faults.push(`gave ${pod.uid} twice`);
      pod.inWork = true;
      pod.readySince = undefined;
    } else {
      this.#queue.wakeOne(pod.uid);
    }
  }

  #nextTurn(): number {
    this.#turn += 1;
    return this.#turn;
  }
}

async function holds(): Promise<void> {
  const property = fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
    const run = new Run();
    await run.play(steps);
    expect(run.faults.join()).toBe('');
  });
  await fc.assert(property, { numRuns: 300, seed: 7, includeErrorInReport: true });
}

describe('the queue', () => {
  it('keeps the order of priority and arrival, gives each pod once, and forgets none', () => holds());

  it.each([
    [
      'gives the newest first',
      /gave .* before/,
      () => {
        const push = PriorityHeap.prototype.push;
        let turn = 0;
        vi.spyOn(PriorityHeap.prototype, 'push').mockImplementation(function (
          this: PriorityHeap<unknown>,
          item,
        ) {
          turn -= 1;
          const entry: object = Object(item);
          push.call(this, entry);
          Object.assign(entry, { priority: turn });
        });
      },
    ],
    [
      'loses pods that nobody wakes',
      /forgot/,
      () => {
        vi.spyOn(ManualClock.prototype, 'setTimer').mockImplementation(() => ({ cancel: () => undefined }));
      },
    ],
  ])('is found out when it %s', async (_, fault, plant) => {
    plant();
    try {
      await expect(holds()).rejects.toThrow(fault);
    } finally {
      vi.restoreAllMocks();
    }
  });
});
