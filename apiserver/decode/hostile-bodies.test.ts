/** Bodies within the limit of their size that would cost far more than their size. */
import { expect, test } from 'vitest';
import { readApplied } from '../patch/apply/apply.ts';
import { updateManagedFields } from '../patch/apply/managed-fields.ts';
import { applyJsonPatch } from '../patch/json-patch.ts';
import { applyStrategicMerge } from '../patch/strategic-merge.ts';
import { validatePodUpdate } from '../registry/pod-update.ts';
import { createRegistry } from '../registry/registry.ts';
import { requestedSubject } from '../registry/requested-subject.ts';
import { parseJson } from './json-text.ts';
import { TypedReader } from './walk.ts';
import { readYaml } from './yaml-text.ts';

const registry = createRegistry();
const { schemas } = registry;
const configMap = schemas.struct('io.k8s.api.core.v1.ConfigMap');

/** Each takes at most a quarter of this; by comparing all with all it would take many times as long, or the memory would end. */
const limitMs = 8_000;
const timeoutMs = 60_000;

const many = (count: number, make: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => make(index)).join(',');
const names = (count: number): string[] => Array.from({ length: count }, (_, index) => `n${index}`);

function withTolerations(keys: readonly string[]): Parameters<typeof validatePodUpdate>[0] {
  const tolerations = keys.map((key) => ({ key, operator: 'Exists' }));
  const metadata = { name: 'p', uid: '', resourceVersion: '', creationTimestamp: '' };
  return { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [], tolerations } };
}

/** A ConfigMap with many fields, which as many programs claim to have written. */
function updateByMany(count: number): void {
  const strategy = registry.byResource('', 'v1', 'configmaps');
  if (strategy === undefined) throw new TypeError('ConfigMaps are there');
  const managedFields = names(count).map((name) => ({
    ...{ manager: name, operation: 'Update', apiVersion: 'v1', fieldsType: 'FieldsV1' },
    fieldsV1: { 'f:data': { [`f:${name}`]: {} } },
  }));
  const metadata = { name: 'c', uid: 'u', resourceVersion: '1', creationTimestamp: '' };
  const current = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...metadata, managedFields } };
  const data = Object.fromEntries(names(count).map((name) => [name, 'v']));
  const next = { ...current, metadata: { ...metadata, managedFields }, data };
  updateManagedFields(strategy, next, current, { fieldManager: 'm', subresource: '', nowMs: 0 });
}

test.each([
  ['an object of many managers', () => updateByMany(12_000)],
  ['a mapping of many keys', () => readYaml(`{${many(50_000, (index) => `k${index}: v`)}}`)],
  [
    'an apply of many keys',
    () => readApplied(Buffer.from(`{${many(60_000, (at) => `"k${at}":1`)}}`), 'Warn'),
  ],
  ['an object that is repeated', () => parseJson(`{${many(20_000, (index) => `"a":{"k${index}":1}`)}}`)],
  [
    'many fields below a long key',
    () => parseJson(`{"${'k'.repeat(1_000_000)}":{${many(9_000, (at) => `"a${at}":1`)}},"x":1,"x":1}`),
  ],
  [
    'items to delete and items that are there',
    () => {
      const finalizers = names(40_000);
      const patch = { metadata: { '$deleteFromPrimitiveList/finalizers': [...finalizers].reverse() } };
      return applyStrategicMerge(configMap, { metadata: { finalizers } }, patch);
    },
  ],
  [
    'keys to keep and keys that are there',
    () => {
      const data = Object.fromEntries(names(40_000).map((name) => [name, 'v']));
      return applyStrategicMerge(configMap, { data }, { data: { $retainKeys: names(40_000).reverse() } });
    },
  ],
  [
    'tolerations in another order',
    () => validatePodUpdate(withTolerations(names(8_000).reverse()), withTolerations(names(8_000))),
  ],
  [
    'a signing request of spaces',
    () => {
      const pem = `-----BEGIN CERTIFICATE REQUEST-----${' '.repeat(200_000)}!`;
      return requestedSubject(Buffer.from(pem).toString('base64'));
    },
  ],
])(
  '%s costs what its length costs',
  (_, run) => {
    const before = process.cpuUsage();
    run();
    const { user } = process.cpuUsage(before);
    expect(user / 1000).toBeLessThan(limitMs);
  },
  timeoutMs,
);

test('copies of a patch do not double without end', () => {
  const document = { data: { a: 'x'.repeat(1_000) } };
  const copies = Array.from({ length: 60 }, (_, at) => ({ op: 'copy', from: '', path: `/data/c${at}` }));
  expect(() => applyJsonPatch(document, copies)).toThrow('more than the limit');
  expect(applyJsonPatch({ a: [1] }, [{ op: 'copy', from: '/a', path: '/b' }])).toEqual({ a: [1], b: [1] });
});

test('what is told of a body has an end', () => {
  const definition = 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps';
  const unknown = Object.fromEntries(names(30).map((name) => [name, 1]));
  const reader = new TypedReader();
  reader.object(schemas.struct(definition), { properties: { ['k'.repeat(100_000)]: unknown } });
  expect(reader.unknownFields).toHaveLength(9);
});

test('a number that no double holds is refused', () => {
  const spec = schemas.struct('io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps');
  const read = (text: string): unknown => new TypedReader().object(spec, parseJson(text).value);
  expect(() => read('{"maximum":1e400}')).toThrow('of type float64');
  expect(() => read('{"default":[-1e999]}')).toThrow('of type float64');
});
