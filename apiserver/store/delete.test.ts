import { expect, test } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { systemClock } from '../../base/clock.ts';
import { AdmissionChain } from '../admission/admission.ts';
import { createRegistry } from '../registry/registry.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import { MemoryStorage } from '../storage/memory-storage.ts';
import type { DeletedObject, StorageConflict, StorageDelete } from '../storage/storage.ts';
import { deleteObject, planDelete } from './delete.ts';

const registry = createRegistry();
const nowMs = Date.parse('2026-01-01T00:00:00Z');

function strategyOf(plural: string): KindStrategy {
  const strategy = registry.byResource('', 'v1', plural);
  if (strategy === undefined) throw new Error(`${plural} are not served`);
  return strategy;
}

function anObject(kind: string, fields: object = {}, metadata: object = {}): AnyObject {
  return {
    apiVersion: 'v1',
    kind,
    metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '', ...metadata },
    ...fields,
  };
}

const plan = (
  plural: string,
  object: AnyObject,
  options: { gracePeriodSeconds?: number; propagation?: 'Orphan' | 'Foreground' } = {},
) =>
  planDelete(
    object,
    {
      strategy: strategyOf(plural),
      gracePeriodSeconds: options.gracePeriodSeconds,
      propagation: options.propagation,
    },
    nowMs,
  );

const boundPod = (metadata: object = {}): AnyObject =>
  anObject('Pod', { spec: { nodeName: 'n', terminationGracePeriodSeconds: 30 } }, metadata);

test('an object without finalizers goes at once', () => {
  expect(plan('configmaps', anObject('ConfigMap'))).toMatchObject({ step: 'remove' });
});

test('a finalizer holds an object, which is marked once', () => {
  const held = anObject('ConfigMap', {}, { finalizers: ['example.com/x'] });
  const first = plan('configmaps', held);
  expect(first).toMatchObject({
    step: 'mark',
    object: { metadata: { deletionTimestamp: '2026-01-01T00:00:00Z', deletionGracePeriodSeconds: 0 } },
  });
  if (first.step === 'nothing') throw new Error('not marked');
  expect(plan('configmaps', first.object)).toEqual({ step: 'nothing' });
});

test.each([
  ['Orphan', 'orphan'],
  ['Foreground', 'foregroundDeletion'],
] as const)('%s propagation is a finalizer', (propagation, finalizer) => {
  expect(plan('configmaps', anObject('ConfigMap'), { propagation })).toMatchObject({
    step: 'mark',
    object: { metadata: { finalizers: [finalizer] } },
  });
});

test('a bound pod gets its grace period, a loose one none', () => {
  expect(plan('pods', boundPod({ generation: 1 }))).toMatchObject({
    step: 'mark',
    object: {
      metadata: {
        deletionTimestamp: '2026-01-01T00:00:30Z',
        deletionGracePeriodSeconds: 30,
        generation: 2,
      },
    },
  });
  expect(plan('pods', anObject('Pod', { spec: {} }))).toMatchObject({ step: 'remove' });
});

test('a second delete may only hurry a pod', () => {
  const ending = boundPod({ deletionTimestamp: '2026-01-01T00:00:30Z', deletionGracePeriodSeconds: 30 });
  expect(plan('pods', ending)).toEqual({ step: 'nothing' });
  expect(plan('pods', ending, { gracePeriodSeconds: 60 })).toEqual({ step: 'nothing' });
  expect(plan('pods', ending, { gracePeriodSeconds: 5 })).toMatchObject({
    step: 'mark',
    object: { metadata: { deletionGracePeriodSeconds: 5, deletionTimestamp: '2026-01-01T00:00:05Z' } },
  });
  expect(plan('pods', ending, { gracePeriodSeconds: 0 })).toMatchObject({ step: 'remove' });
});

test('a namespace first goes Terminating, then waits for its finalizers', () => {
  const namespace = anObject('Namespace', { spec: { finalizers: ['kubernetes'] } });
  const first = plan('namespaces', namespace);
  expect(first).toMatchObject({ step: 'mark', object: { status: { phase: 'Terminating' } } });
  if (first.step === 'nothing') throw new Error('not marked');
  expect(plan('namespaces', first.object)).toEqual({ step: 'nothing' });
  expect(plan('namespaces', { ...first.object, spec: {} })).toMatchObject({ step: 'remove' });
});

test('what this request marked and another one removed is deleted', async () => {
  const storage = new MemoryStorage();
  const strategy = strategyOf('pods');
  const key = keyOf(strategy.resource, 'default', 'a');
  const finished = anObject('Pod', { spec: { nodeName: 'n' }, status: { phase: 'Succeeded' } });
  await storage.commit([{ type: 'put', key, object: finished, expected: 0 }]);
  // The node's agent removes it as soon as it sees the mark, before the request's own removal.
  const withFastAgent = new Proxy(storage, {
    get: (target, property) =>
      property === 'delete'
        ? async (deletes: readonly StorageDelete[]): Promise<(DeletedObject | StorageConflict)[]> => {
            await target.delete(deletes);
            return target.delete(deletes);
          }
        : Reflect.get(target, property).bind(target),
  });
  const stored = async () => {
    const found = await storage.get(key);
    if (found === undefined) return undefined;
    const { json, version } = found;
    return { object: JSON.parse(json.toString()) as AnyObject, json, version, cached: false };
  };
  const request = {
    strategy,
    namespace: 'default',
    name: 'a',
    subresource: '',
    user: { name: 'admin', groups: [], uid: '', extra: {} },
    dryRun: false,
    gracePeriodSeconds: undefined,
    propagation: undefined,
    preconditions: {},
  };
  const dependencies = {
    storage: withFastAgent,
    source: { cached: () => undefined, stored },
    admission: new AdmissionChain([]),
    reservers: new Map(),
    clock: systemClock,
  };
  expect(await deleteObject(dependencies, request)).toMatchObject({ gone: true, uid: 'u' });
  await expect(deleteObject(dependencies, request)).rejects.toThrow('pods "a" not found');
});
