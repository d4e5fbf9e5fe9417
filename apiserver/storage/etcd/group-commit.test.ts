import { expect, it } from 'vitest';
import { ManualClock } from '../../../test/support/manual-clock.ts';
import { configMap } from '../../../test/support/storage-contract.ts';
import { prepareObject } from '../envelope.ts';
import { type StorageConflict, StorageError, type StoragePut, type StoredObject } from '../storage.ts';
import type { PreparedPut } from './etcd-puts.ts';
import { GroupCommit, patienceOf } from './group-commit.ts';

type Outcome = StoredObject | StorageConflict | StorageError;

/** Transactions that settle when the test says so. */
class HeldPuts {
  readonly groups: string[][] = [];
  readonly #settled: ((outcomes: Outcome[]) => void)[] = [];

  prepare(put: StoragePut): PreparedPut {
    const prepared = prepareObject(put.object);
    return { key: put.key, expectedRevision: 0, prepared, writeId: Buffer.alloc(12), isRewrite: false };
  }

  settle(puts: readonly PreparedPut[]): Promise<Outcome[]> {
    this.groups.push(puts.map(({ key }) => key));
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** The `nth` group ends; keys that are not in `others` were written. */
  finish(nth: number, others: Readonly<Record<string, Outcome>> = {}): void {
    const keys = this.groups[nth] ?? [];
    this.#settled[nth]?.(keys.map((key) => others[key] ?? { key, version: 128, json: Buffer.alloc(0) }));
  }
}

const putOf = (key: string, filler = ''): StoragePut => ({
  type: 'put',
  key,
  object: configMap('default', key, { filler }),
  expected: 0,
});

function group(): {
  clock: ManualClock;
  puts: HeldPuts;
  write(key: string, patienceMs?: number): Promise<unknown>;
} {
  const clock = new ManualClock();
  const puts = new HeldPuts();
  const commit = new GroupCommit({ clock, puts });
  return { clock, puts, write: (key, patienceMs = 0) => commit.put(putOf(key), { patienceMs }) };
}

it('lets a lone put go at the end of the turn', async () => {
  const { clock, puts, write } = group();
  const written = write('a');
  await clock.advance(0);
  expect(puts.groups).toEqual([['a']]);
  puts.finish(0);
  await expect(written).resolves.toMatchObject({ key: 'a' });
});

it('gathers what comes while a group is under way, and sends it when that is settled', async () => {
  const { clock, puts, write } = group();
  const first = write('a');
  await clock.advance(0);
  const later = Promise.all([write('b'), write('c')]);
  await clock.advance(0);
  expect(puts.groups).toEqual([['a']]);
  puts.finish(0);
  await first;
  expect(puts.groups).toEqual([['a'], ['b', 'c']]);
  puts.finish(1);
  await later;
});

it('makes nobody wait longer than the window for a slow group', async () => {
  const { clock, puts, write } = group();
  void write('a');
  await clock.advance(0);
  void write('b');
  await clock.advance(3);
  expect(puts.groups).toEqual([['a'], ['b']]);
});

it('lets the patient wait for company, or go with the next who is not', async () => {
  const { clock, puts, write } = group();
  void write('lease-1', 100);
  await clock.advance(99);
  expect(puts.groups).toEqual([]);
  await clock.advance(1);
  expect(puts.groups).toEqual([['lease-1']]);
  puts.finish(0);
  await clock.advance(0);
  void write('lease-2', 100);
  void write('pod');
  await clock.advance(0);
  expect(puts.groups[1]).toEqual(['lease-2', 'pod']);
});

it('lets the most patient go with those who wait less', async () => {
  const { clock, puts, write } = group();
  void write('lease', 100);
  void write('event', 3);
  await clock.advance(3);
  expect(puts.groups).toEqual([['lease', 'event']]);
  void write('lease-2', 100);
  await clock.advance(99);
  expect(puts.groups).toHaveLength(1);
});

it('waits long for leases of nodes only', () => {
  expect(patienceOf('/registry/coordination.k8s.io/leases/kube-node-lease/host-1')).toBe(100);
  expect(patienceOf('/registry/coordination.k8s.io/leases/kube-system/scheduler')).toBe(0);
  expect(patienceOf('/registry/events/default/e')).toBe(3);
});

it('fails one put and not its neighbours', async () => {
  const { clock, puts, write } = group();
  const outcomes = Promise.allSettled([write('a'), write('b'), write('c')]);
  await clock.advance(0);
  puts.finish(0, {
    a: { conflict: true, key: 'a', actual: 256 },
    c: new StorageError('STORAGE_AMBIGUOUS', 'write c: no answer'),
  });
  const [a, b, c] = await outcomes;
  expect(a).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_CONFLICT' } });
  expect(b).toMatchObject({ status: 'fulfilled', value: { key: 'b' } });
  expect(c).toMatchObject({ status: 'rejected', reason: { code: 'STORAGE_AMBIGUOUS' } });
});

it('sends a group that has become full', async () => {
  const { puts, write } = group();
  for (let index = 0; index < 127; index += 1) void write(`k${index}`);
  expect(puts.groups.map(({ length }) => length)).toEqual([127]);
});
