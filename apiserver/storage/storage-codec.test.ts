import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import {
  openEnvelope,
  prepareObject,
  sealEnvelope,
  spliceInPlace,
  spliceVersion,
  withVersion,
} from './envelope.ts';
import { decodeTxn, encodeTxn } from './etcd/messages.ts';
import { ReverseWriter, WireReader } from './etcd/protobuf.ts';
import { keyOf, parseKey } from './keys.ts';
import { OrderedMap } from './ordered-map.ts';
import { parseVersion, revisionOf, versionOf, wholeVersion } from './version.ts';
import { toBatches } from './write-batches.ts';

const writeId = Buffer.alloc(12, 7);

function fieldsOf(message: Buffer): { field: number; number: number; bytes: Buffer }[] {
  const fields = [];
  for (const reader = new WireReader(message); reader.next(); ) {
    const { field, number, bytes } = reader;
    fields.push({ field, number, bytes });
  }
  return fields;
}

describe('envelope', () => {
  it('gives back any object with its resourceVersion', () => {
    const metadata = fc.record(
      {
        name: fc.string(),
        uid: fc.uuid(),
        creationTimestamp: fc.constant('2026-01-01T00:00:00Z'),
        annotations: fc.dictionary(fc.string(), fc.string()),
      },
      { requiredKeys: ['name', 'uid', 'creationTimestamp'] },
    );
    fc.assert(
      fc.property(metadata, fc.dictionary(fc.string(), fc.json()), fc.nat(126), (meta, spec, index) => {
        const object: AnyObject = {
          kind: 'Thing',
          apiVersion: 'x.y/v1',
          metadata: { ...meta, resourceVersion: 'old' },
          spec,
        };
        const opened = openEnvelope('k', sealEnvelope(prepareObject(object), index, writeId));
        expect(opened).toMatchObject({ index, storageVersion: 'x.y/v1', writeId });
        const wire = spliceVersion(opened, 12_345);
        const expected = { ...object, metadata: { ...meta, resourceVersion: '12345' } };
        expect(JSON.parse(wire.toString())).toEqual(JSON.parse(JSON.stringify(expected)));
        // Last, since it uses the envelope up.
        expect(spliceInPlace(opened, 12_345)).toEqual(wire);
        expect(JSON.parse(withVersion(wire, 7).toString()).metadata.resourceVersion).toBe('7');
      }),
    );
  });

  it.each([
    ['what is none', Buffer.from('{"kind":"Pod"}')],
    ['an empty value', Buffer.alloc(0)],
    ['a cut one', sealEnvelope({ storageVersion: 'v1', json: Buffer.from('{}'), offset: 40 }, 0, writeId)],
  ])('refuses %s', (_what, value) => {
    expect(() => openEnvelope('/registry/pods/a/b', value)).toThrow(
      expect.objectContaining({ code: 'STORAGE_CORRUPT' }),
    );
  });
});

describe('resourceVersion', () => {
  it('orders objects of one revision before its end and the next', () => {
    expect(versionOf(5, 126)).toBeLessThan(wholeVersion(5));
    expect(wholeVersion(5)).toBeLessThan(versionOf(6, 0));
    expect(revisionOf(wholeVersion(5))).toBe(5);
  });

  it.each([
    ['0', 0],
    ['129', 129],
    ['', undefined],
    ['-1', undefined],
    ['01', undefined],
    ['1e3', undefined],
    ['99999999999999999', undefined],
  ])('reads %j as %s', (text, version) => {
    expect(parseVersion(text)).toBe(version);
  });
});

describe('keys', () => {
  it.each([
    ['/pods', 'default', 'a', '/registry/pods/default/a'],
    ['/nodes', '', 'n', '/registry/nodes/n'],
    ['apps/deployments', 'default', 'web', '/registry/apps/deployments/default/web'],
    ['rbac.authorization.k8s.io/clusterroles', '', 'r', '/registry/rbac.authorization.k8s.io/clusterroles/r'],
    ['batch/jobs', 'apps', 'j', '/registry/batch/jobs/apps/j'],
  ])('of %s in %j named %s', (resource, namespace, name, key) => {
    expect(keyOf(resource, namespace, name)).toBe(key);
    expect(parseKey(key)).toEqual({ resource, namespace, name });
  });

  it.each(['compact_rev_key', '/registry/pods', '/registry/pods//a', '/registry/a.b/c/d/e/f'])(
    'does not take %s for an object',
    (key) => {
      expect(parseKey(key)).toBeUndefined();
    },
  );
});

describe('ordered map', () => {
  it('behaves as a sorted map', () => {
    const aKey = fc.stringMatching(/^[a-c]{1,6}$/);
    const anOp = fc.record({ key: aKey, remove: fc.boolean(), value: fc.nat() });
    fc.assert(
      fc.property(fc.array(anOp, { maxLength: 2_000, size: 'max' }), aKey, aKey, (ops, from, to) => {
        const map = new OrderedMap<number>();
        const model = new Map<string, number>();
        for (const { key, remove, value } of ops) {
          expect(remove ? map.delete(key) : map.set(key, value)).toBe(model.get(key));
          if (remove) model.delete(key);
          else model.set(key, value);
        }
        const sorted = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1));
        const between = sorted.filter(([key]) => key >= from && key < to);
        expect([...map.range(from, to)]).toEqual(between);
        expect(map.countBetween(from, to)).toBe(between.length);
        expect(map.size).toBe(model.size);
      }),
      { numRuns: 40 },
    );
  });
});

describe('protobuf', () => {
  it('reads the integers and bytes that it writes', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.uint8Array({ maxLength: 1_000 }), (number, bytes) => {
        const writer = new ReverseWriter(1);
        writer.nested(3, () => {
          writer.bytes(2, bytes);
          writer.integer(1, number);
        });
        const [outer] = fieldsOf(writer.result);
        const [first, second] = fieldsOf(outer?.bytes ?? Buffer.alloc(0));
        expect(first?.number).toBe(number);
        expect(Buffer.from(bytes).equals(second?.bytes ?? Buffer.alloc(1))).toBe(true);
      }),
    );
  });

  it('refuses a message that is cut short', () => {
    const frame = encodeTxn({
      compare: [],
      success: [{ type: 'put', key: 'k', value: Buffer.alloc(50) }],
      failure: [],
    });
    expect(() => decodeTxn(frame.subarray(5, 30))).toThrow(RangeError);
  });
});

describe('batches of writes', () => {
  it('are small enough, keep the order and have no key twice', () => {
    const writes = [...'aabca'].map((key, at) => ({ key, at }));
    const batches = toBatches(writes, { limit: 2, bytesOf: () => 1 });
    expect(batches.map((batch) => batch.map(({ key }) => key).join(''))).toEqual(['a', 'ab', 'ca']);
    expect(toBatches(writes.slice(1, 4), { limit: 9, bytesOf: () => 800_000 })).toHaveLength(3);
  });
});
