import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { aPod } from '../../test/support/scheduling-objects.ts';
import { prepareObject, spliceVersion } from '../storage/envelope.ts';
import { parseObject } from '../store/object-source.ts';
import { indexObject } from '../watch-cache/cached-object.ts';
import type { CachedObject } from '../watch-cache/read-cache.ts';
import { SharedValues } from '../watch-cache/shared-values.ts';
import { bindPod } from './binding.ts';
import { boundText } from './binding-text.ts';

const version = 12_345;
const nowMs = Date.parse('2026-11-22T12:00:00Z');
const shared = new SharedValues();
const fieldsOf = (): ReadonlyMap<string, string> => new Map();

/** As it lies in the cache. */
function cached(pod: AnyObject): CachedObject {
  const json = spliceVersion(prepareObject(pod), version);
  const path = { resource: '/pods', namespace: 'default', name: 'web' };
  return indexObject(path, { key: '/registry/pods/default/web', version, json }, { fieldsOf, shared });
}

/** One that has just been created. */
function newPod(change: Partial<Pod> = {}, qosClass = 'BestEffort'): AnyObject {
  const { metadata, spec } = aPod({ name: 'web' });
  const status = { phase: 'Pending', qosClass };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec, status, ...change };
}

const bound = (pod: AnyObject, order: Parameters<typeof boundText>[1]): unknown => {
  const text = boundText(cached(pod), order, nowMs);
  return text && parseObject(spliceVersion(text, version));
};
const boundTheLongWay = (pod: AnyObject, order: Parameters<typeof boundText>[1]): unknown =>
  parseObject(spliceVersion(prepareObject(bindPod(pod, { name: 'web', uid: '', ...order }, nowMs)), version));

describe('boundText', () => {
  it('makes the pod that the long way makes', () => {
    for (const qosClass of ['Guaranteed', 'Burstable', 'BestEffort']) {
      const pod = newPod({}, qosClass);
      expect(bound(pod, { node: 'n1' })).toEqual(boundTheLongWay(pod, { node: 'n1' }));
      expect(bound(pod, { node: 'n1' })).toMatchObject({ spec: { nodeName: 'n1' } });
    }
  });

  it('puts the labels of the place beside those that are there, or where none are', () => {
    const labels = { 'topology.kubernetes.io/zone': 'z"1\\', 'topology.kubernetes.io/region': 'ü' };
    for (const own of [undefined, { app: 'web' }, { labels: '{', app: '"labels":{' }]) {
      const pod = newPod();
      pod.metadata.labels = own;
      expect(bound(pod, { node: 'n1', labels })).toEqual(boundTheLongWay(pod, { node: 'n1', labels }));
    }
  });

  it('leaves to the long way what is not plain', () => {
    const spec = newPod()['spec'] as Pod['spec'];
    const { metadata } = newPod();
    const zone = { 'topology.kubernetes.io/zone': 'a' };
    const others: readonly AnyObject[] = [
      newPod({ spec: { ...spec, nodeName: 'n0' } }),
      newPod({ spec: { ...spec, schedulingGates: [{ name: 'wait' }] } }),
      newPod({ spec: { ...spec, affinity: {} } }),
      newPod({ spec: { ...spec, topologySpreadConstraints: [] } }),
      newPod({
        spec: { ...spec, volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'c' } }] },
      }),
      newPod({ metadata: { ...metadata, deletionTimestamp: '2026-11-22T12:00:00Z' } as Pod['metadata'] }),
      newPod({ status: { phase: 'Pending', qosClass: 'BestEffort', nominatedNodeName: 'n0' } }),
      newPod({ status: { phase: 'Pending', qosClass: 'BestEffort', conditions: [] } }),
      newPod({ status: { phase: 'Running', qosClass: 'BestEffort' } }),
      newPod({ status: {} }),
      newPod({ metadata: { ...metadata, labels: zone } }),
      newPod({ metadata: { ...metadata, labels: {} } }),
    ];
    for (const pod of others) expect(bound(pod, { node: 'n1', labels: zone })).toBeUndefined();
    // Whose status does not come last.
    const { kind, apiVersion, status, ...rest } = newPod();
    expect(bound({ kind, apiVersion, status, ...rest } as AnyObject, { node: 'n1' })).toBeUndefined();
  });

  it('makes the same pod, or none, whatever stands in it', () => {
    const nasty = fc.constantFrom(
      '"nodeName":',
      '},"status":{"phase":"Pending"',
      '"labels":{',
      'x}}',
      '\u2028',
      '😀',
    );
    const word = fc.oneof(fc.string(), nasty);
    let plain = 0;
    fc.assert(
      fc.property(
        fc.record({
          annotations: fc.option(fc.dictionary(word, word, { maxKeys: 3 }), { nil: undefined }),
          labels: fc.option(fc.dictionary(word, word, { maxKeys: 3 }), { nil: undefined }),
          args: fc.array(word, { maxLength: 3 }),
          node: word,
          place: fc.option(fc.dictionary(word, word, { minKeys: 1, maxKeys: 2 }), { nil: undefined }),
        }),
        ({ annotations, labels, args, node, place }) => {
          const pod = newPod();
          const containers = [{ name: 'web', image: 'web', args }];
          const order = { node, labels: place };
          const made = bound(
            { ...pod, metadata: { ...pod.metadata, annotations, labels }, spec: { containers } } as AnyObject,
            order,
          );
          if (made === undefined) return;
          plain += 1;
          expect(made).toEqual(
            boundTheLongWay(
              {
                ...pod,
                metadata: { ...pod.metadata, annotations, labels },
                spec: { containers },
              } as AnyObject,
              order,
            ),
          );
        },
      ),
      { numRuns: 1_000 },
    );
    expect(plain).toBeGreaterThan(500);
  });
});
