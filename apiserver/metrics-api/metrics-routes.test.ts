import { expect, test } from 'vitest';
import { ManualClock } from '../../test/support/manual-clock.ts';
import type { NodeUsage } from './agent-usage.ts';
import { usagesOf } from './metrics-routes.ts';

/** Knows a node's rate from the second look on; `dead` does not answer. */
class TwoLooks {
  readonly asked: string[] = [];

  async of(node: string): Promise<NodeUsage | undefined> {
    const isKnown = this.asked.includes(node);
    this.asked.push(node);
    if (node === 'dead') return undefined;
    const cpuNanoCores = isKnown ? 5 : undefined;
    return { atMs: 0, windowMs: 1_000, memoryBytes: 1, pods: new Map(), cpuNanoCores };
  }
}

test('who asks first waits for a second look at the nodes that nobody has looked at, and at no others', async () => {
  const [usage, clock] = [new TwoLooks(), new ManualClock()];
  await usage.of('old');
  const looks = usagesOf(usage, clock, ['old', 'new', 'new', 'dead', '']);
  await clock.advance(0);
  expect(usage.asked).toEqual(['old', 'old', 'new', 'dead']);
  await clock.advance(2_000);
  expect([...(await looks)].map(([name, { cpuNanoCores }]) => [name, cpuNanoCores])).toEqual([
    ['old', 5],
    ['new', 5],
  ]);
  expect(usage.asked).toEqual(['old', 'old', 'new', 'dead', 'new']);
});

test('what is known is told without a wait', async () => {
  const [usage, clock] = [new TwoLooks(), new ManualClock()];
  await usage.of('old');
  expect((await usagesOf(usage, clock, ['old'])).get('old')?.cpuNanoCores).toBe(5);
  expect(clock.pendingTimers).toBe(0);
});
