import { beforeEach, expect, it } from 'vitest';
import type { Clock } from '../../base/clock.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { Cohort } from './cohort.ts';
import { Deliveries } from './deliveries.ts';
import type { WatchEncoding } from './read-cache.ts';
import { SinkBuffer } from './sink-buffer.ts';

const writeMs = 1;
const encoding: WatchEncoding = {
  id: 'numbers',
  hasFirst: false,
  encode: () => Buffer.alloc(0),
  bookmark: (version) => Buffer.from(`${version} `),
  error: () => Buffer.alloc(0),
};

let manual: ManualClock;
/** What was written, in order: to whom, and the numbers. */
let written: string[];
/** Of writes, which take time themselves. */
let spentMs: number;
/** Of each millisecond that passes, the part in which others keep the loop busy. */
let others: number;
let deliveries: Deliveries;

beforeEach(() => {
  manual = new ManualClock();
  [written, spentMs, others] = [[], 0, 0];
  const clock: Clock = {
    nowMs: () => manual.nowMs() + spentMs,
    monotonicMs: () => manual.monotonicMs() + spentMs,
    setTimer: (delayMs, run) => manual.setTimer(delayMs, run),
    setImmediate: (run) => manual.setImmediate(run),
  };
  deliveries = new Deliveries({
    clock,
    busyMs: () => spentMs + manual.monotonicMs() * others,
    onOutgrown: () => undefined,
    onSent: undefined,
    isGathered: () => false,
  });
});

/** One watcher of the pods of `node`, of all pods when it is absent. */
function watcherOf(node?: string): Cohort {
  const operator = 'in' as const;
  const fields = node === undefined ? [] : [{ key: 'spec.nodeName', operator, values: [node] }];
  const selection = { resource: '/pods', namespace: '', labels: [], fields };
  const cohort = new Cohort({ selection, encoding, bookmarks: true, awaitsFirst: false });
  const sink = {
    write: (frames: Buffer) => {
      written.push(`${node ?? 'all'}: ${frames.toString().trim()}`);
      spentMs += writeMs;
      return true;
    },
    onDrain: () => undefined,
    end: () => undefined,
  };
  cohort.join(new SinkBuffer(sink, { bufferBytes: 1_000, ended: () => undefined }));
  return cohort;
}

function tell(cohort: Cohort, number: number): void {
  cohort.bookmark(number);
  deliveries.add(cohort);
}

it('tells a node at once while the event loop has time', async () => {
  const node = watcherOf('n1');
  tell(node, 1);
  await manual.advance(0);
  expect(written).toEqual(['n1: 1']);
});

it('tells who follows all pods before the nodes, whatever came first', async () => {
  others = 1;
  const nodes = Array.from({ length: 40 }, (_, i) => watcherOf(`n${i}`));
  const all = watcherOf();
  for (const [i, node] of nodes.entries()) tell(node, i);
  for (const i of nodes.keys()) tell(all, i);
  await manual.advance(0);
  expect(written[0]).toBe(`all: ${nodes.map((_, i) => i).join(' ')}`);
  expect(written.length).toBeLessThan(12);
  tell(all, 40);
  await manual.advance(0);
  expect(written.at(-1)).toBe('all: 40');
});

it('goes on with the nodes in their order while others keep the loop busy, and leaves none out', async () => {
  others = 1;
  const names = Array.from({ length: 40 }, (_, i) => `n${i}`);
  for (const name of names) tell(watcherOf(name), 1);
  await manual.advance(100);
  const soon = written.length;
  expect(soon).toBeLessThan(20);
  await manual.advance(1_000);
  expect(written).toEqual(names.map((name) => `${name}: 1`));
});

it('takes for the nodes what time the loop has, when there is any', async () => {
  others = 0.5;
  for (let i = 0; i < 40; i += 1) tell(watcherOf(`n${i}`), 1);
  await manual.advance(100);
  expect(written).toHaveLength(40);
});

it('gives a node that waits everything in one piece and in order', async () => {
  others = 1;
  const nodes = Array.from({ length: 30 }, (_, i) => watcherOf(`n${i}`));
  for (const node of nodes) tell(node, 1);
  await manual.advance(10);
  for (const node of nodes) tell(node, 2);
  await manual.advance(2_000);
  expect(written).toContain('n29: 1 2');
  const ofFirst = written.filter((each) => each.startsWith('n0:'));
  expect(ofFirst).toEqual(['n0: 1', 'n0: 2']);
});

it('keeps the order for one who joins a node that waits', async () => {
  others = 1;
  const nodes = Array.from({ length: 30 }, (_, i) => watcherOf(`n${i}`));
  for (const node of nodes) tell(node, 1);
  await manual.advance(0);
  const [last] = nodes.slice(-1);
  if (last === undefined) throw new TypeError('there are nodes');
  deliveries.seal(last);
  tell(last, 2);
  await manual.advance(2_000);
  expect(written.filter((each) => each.startsWith('n29:'))).toEqual(['n29: 1', 'n29: 2']);
});
