import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import type { IndexedObject } from './cached-object.ts';
import { type CacheEvent, EventRing } from './event-ring.ts';

const minute = 60_000;

function anObject(version: number, bytes: number): IndexedObject {
  return {
    ...{ key: '/registry/configmaps/default/one', resource: '/configmaps', namespace: 'default' },
    ...{ name: 'one', uid: '', version, json: Buffer.alloc(bytes), labels: new Map(), fields: new Map() },
    owners: [],
  };
}

/** The `version`th change of one object of so many bytes. */
const aChange = (version: number, bytes: number): CacheEvent => ({
  key: '/registry/configmaps/default/one',
  version,
  object: anObject(version, bytes),
  previous: version === 1 ? undefined : anObject(version - 1, bytes),
});

const versions = (ring: EventRing): number[] => ring.after(ring.floor).map(({ version }) => version);

describe('event ring', () => {
  it('keeps so many events and no more', () => {
    const ring = new EventRing({ events: 3, ageMs: minute }, 0);
    for (let version = 1; version <= 5; version += 1) ring.push(aChange(version, 10), 0);
    expect(versions(ring)).toEqual([3, 4, 5]);
    expect(ring.floor).toBe(2);
  });

  it('keeps events for so long and no longer', () => {
    const ring = new EventRing({ events: 100, ageMs: minute }, 0);
    for (let version = 1; version <= 5; version += 1) ring.push(aChange(version, 10), version);
    ring.trim(minute + 4);
    expect(versions(ring)).toEqual([4, 5]);
    ring.trim(3 * minute);
    expect([ring.length, ring.floor, ring.latest]).toEqual([0, 5, 5]);
  });

  it('keeps so many bytes of what objects were and no more: a created one is held by others', () => {
    const ring = new EventRing({ events: 10_000, ageMs: minute, bytes: 100_000 }, 0);
    for (let version = 1; version <= 50; version += 1) {
      ring.push({ ...aChange(version, 50_000), previous: undefined }, 0);
      expect(ring.length).toBe(version);
    }
    for (let version = 51; version <= 60; version += 1) ring.push(aChange(version, 30_000), 0);
    expect(versions(ring)).toEqual([58, 59, 60]);
  });

  it('lets go of what it forgets', async () => {
    const ring = new EventRing({ events: 10, ageMs: minute }, 0);
    const seen = Array.from({ length: 100 }, (_, at) => {
      const change = aChange(at + 1, 10);
      ring.push(change, 0);
      return new WeakRef(change);
    });
    // A reference that was just made holds its object until this turn of the event loop is over.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    collectGarbage();
    expect(seen.filter((change) => change.deref() !== undefined)).toHaveLength(ring.length);
  });
});

function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
}
