import { afterEach, expect, it } from 'vitest';
import type { AnyObject } from '../../../api/kind-info.ts';
import { isForbidden } from '../../../api/status-error.ts';
import { systemClock } from '../../../base/clock.ts';
import { invariant } from '../../../base/invariant.ts';
import { silentLogger } from '../../../base/logger.ts';
import { createRegistry } from '../../registry/registry.ts';
import { keyOf } from '../../storage/keys.ts';
import { MemoryStorage } from '../../storage/memory-storage.ts';
import type { Storage, StorageWrite } from '../../storage/storage.ts';
import { WatchCache } from '../../watch-cache/watch-cache.ts';
import { toAttributes } from '../admission.ts';
import { QuotaLedger } from './quota-ledger.ts';
import { QuotaStates } from './quota-states.ts';

const namespace = 'n';
const configs = createRegistry().byResource('', 'v1', 'configmaps');
const user = { name: 'u', uid: '', groups: [], extra: {} };
const stops: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

const anObject = (kind: string, name: string, more: object = {}): AnyObject => ({
  ...{ apiVersion: 'v1', kind, ...more },
  metadata: { name, namespace, uid: name, resourceVersion: '', creationTimestamp: '' },
});

const quotaKey = keyOf('/resourcequotas', namespace, 'q');

async function aStore(hard: string): Promise<MemoryStorage> {
  const storage = new MemoryStorage();
  const status = { hard: { 'count/configmaps': hard }, used: { 'count/configmaps': '0' } };
  const object = anObject('ResourceQuota', 'q', { spec: { hard: status.hard }, status });
  await storage.commit([{ type: 'put', key: quotaKey, object, expected: 0 }]);
  return storage;
}

/** A server's ledger. `commit` is how it writes. */
async function aLedger(storage: MemoryStorage, commit: Storage['commit']): Promise<QuotaLedger> {
  const stopping = new AbortController();
  const cache = new WatchCache({
    storage,
    clock: systemClock,
    logger: silentLogger,
    fieldsOf: () => new Map(),
  });
  const running = cache.run(stopping.signal);
  stops.push(async () => {
    stopping.abort();
    await running;
  });
  await cache.whenReady();
  return new QuotaLedger({ storage: { commit }, states: new QuotaStates(cache), clock: systemClock });
}

function create(ledger: QuotaLedger, name: string): Promise<unknown> {
  invariant(configs !== undefined, 'config maps are served');
  const object = anObject('ConfigMap', name);
  const key = keyOf('/configmaps', namespace, name);
  const attributes = toAttributes({
    ...{ operation: 'CREATE', strategy: configs, namespace, name, subresource: '', user },
    ...{ dryRun: false, object, previous: undefined },
  });
  return ledger.commit(attributes, [{ type: 'put', key, object, expected: 0 }]);
}

async function race(storage: MemoryStorage, commit: Storage['commit']): Promise<number> {
  const ledgers = [await aLedger(storage, commit), await aLedger(storage, commit)] as const;
  const outcomes = await Promise.allSettled(
    Array.from({ length: 120 }, (_, at) => create(ledgers[at % 2] ?? ledgers[0], `c-${at}`)),
  );
  const refused = outcomes.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
  expect(refused.every(isForbidden)).toBe(true);
  return outcomes.length - refused.length;
}

const usedOf = async (storage: MemoryStorage): Promise<string> => {
  const json = (await storage.get(quotaKey))?.json.toString() ?? '{}';
  return (
    (JSON.parse(json) as { status: { used: Record<string, string> } }).status.used['count/configmaps'] ?? ''
  );
};

it('two servers let exactly as many in as there is room for, in few transactions', async () => {
  const storage = await aStore('50');
  let transactions = 0;
  const made = await race(storage, (writes) => {
    transactions += 1;
    return storage.commit(writes);
  });
  expect(made).toBe(50);
  expect(await usedOf(storage)).toBe('50');
  expect(transactions).toBeLessThan(50);
});

it('is seen to let too many in when a quota is written without its condition', async () => {
  const storage = await aStore('50');
  let asked = 0;
  let bothHaveDecided: () => void = () => undefined;
  // The first charges of both servers rest on the same quota; after them one is written at a time.
  let turn = new Promise<void>((resolve) => {
    bothHaveDecided = resolve;
  });
  const overwrite = async (writes: readonly StorageWrite[]) => {
    const { version = 0 } = (await storage.get(quotaKey)) ?? {};
    return storage.commit(
      writes.map((write) => (write.key === quotaKey ? { ...write, expected: version } : write)),
    );
  };
  const unconditional = (writes: readonly StorageWrite[]) => {
    asked += 1;
    if (asked === 2) bothHaveDecided();
    const written = turn.then(() => overwrite(writes));
    turn = written.then(() => undefined);
    return written;
  };
  expect(await race(storage, unconditional)).toBeGreaterThan(50);
});

it('a name that is taken fails alone, and is not charged', async () => {
  const storage = await aStore('50');
  const ledger = await aLedger(storage, (writes) => storage.commit(writes));
  const outcomes = await Promise.allSettled(['a', 'b', 'a', 'c'].map((name) => create(ledger, name)));
  expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
  expect(await usedOf(storage)).toBe('3');
});
