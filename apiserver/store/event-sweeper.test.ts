import { expect, test } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { everything } from '../../api/selector.ts';
import { systemClock, toTime } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { keyOf } from '../storage/keys.ts';
import { MemoryStorage } from '../storage/memory-storage.ts';
import { WatchCache } from '../watch-cache/watch-cache.ts';
import { EventSweeper, eventLifeMs } from './event-sweeper.ts';

const event = (name: string, madeMs: number, lastMs: number): AnyObject => ({
  kind: 'Event',
  apiVersion: 'v1',
  metadata: { name, namespace: 'default', uid: name, creationTimestamp: toTime(madeMs), resourceVersion: '' },
  lastTimestamp: toTime(lastMs),
});

test('events go an hour after they were last written', async () => {
  const storage = new MemoryStorage();
  const now = systemClock.nowMs();
  const old = now - eventLifeMs - 60_000;
  const events = [event('old', old, old), event('repeated', old, now), event('new', now, now)];
  for (const object of events) {
    const key = keyOf('/events', 'default', object.metadata.name);
    await storage.commit([{ type: 'put', key, object, expected: 0 }]);
  }
  const life = new AbortController();
  const common = { storage, clock: systemClock, logger: silentLogger };
  const cache = new WatchCache({ ...common, fieldsOf: () => new Map() });
  const running = cache.run(life.signal);
  await cache.whenReady();
  const sweeper = new EventSweeper({ ...common, cache });
  expect(await sweeper.sweep()).toBe(1);
  await cache.waitCurrent();
  const { objects } = cache.list({
    resource: '/events',
    namespace: '',
    labels: everything,
    fields: everything,
  });
  expect(objects.map(({ name }) => name)).toEqual(['new', 'repeated']);
  expect(await sweeper.sweep()).toBe(0);
  life.abort();
  await running;
});
