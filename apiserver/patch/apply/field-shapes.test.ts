import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../../api/kind-info.ts';
import { invariant } from '../../../base/invariant.ts';
import { createRegistry } from '../../registry/registry.ts';
import { FieldShapes, signatureOf } from './field-shapes.ts';
import { ownershipAfter, updateManagedFields, writeManagers } from './managed-fields.ts';

const registry = createRegistry();
const pods = registry.byResource('', 'v1', 'pods');
invariant(pods !== undefined, 'pods are registered');

const writer = { fieldManager: 'test', subresource: '', nowMs: 0 };

/** Few names and values, so that shapes repeat and nearly repeat. */
const name = fc.constantFrom('a', 'b', '"', 'k:{"name":"a"}', '{a', 'a,', '.');
const labels = fc.option(fc.dictionary(name, name, { maxKeys: 3 }), { nil: undefined });
const container = fc.record(
  {
    name,
    image: name,
    command: fc.array(name, { maxLength: 2 }),
    env: fc.array(fc.record({ name, value: name }, { requiredKeys: ['name'] }), { maxLength: 3 }),
    ports: fc.array(fc.record({ containerPort: fc.constantFrom(80, 81), protocol: fc.constantFrom('TCP') }), {
      maxLength: 2,
    }),
    resources: fc.record(
      { requests: fc.dictionary(fc.constantFrom('cpu', 'memory'), name) },
      { requiredKeys: [] },
    ),
    securityContext: fc.constantFrom({}, { privileged: false }),
  },
  { requiredKeys: ['name'] },
);
const pod = fc.record(
  {
    metadata: fc.record(
      { name, labels, finalizers: fc.array(name, { maxLength: 2 }) },
      { requiredKeys: ['name'] },
    ),
    spec: fc.record(
      { containers: fc.array(container, { maxLength: 2 }), nodeSelector: labels, hostNetwork: fc.boolean() },
      { requiredKeys: [] },
    ),
  },
  { requiredKeys: ['metadata'] },
);

const asObject = (fields: object): AnyObject =>
  structuredClone({ apiVersion: 'v1', kind: 'Pod', ...fields }) as AnyObject;

describe('the fields of a new object', () => {
  it('are found by its shape as they would be by comparing', () => {
    fc.assert(
      fc.property(fc.array(pod, { minLength: 1, maxLength: 20 }), (created) => {
        for (const fields of created) {
          const next = asObject(fields);
          const compared = ownershipAfter(
            { strategy: pods, next: asObject(fields), current: undefined, managers: new Map() },
            writer,
          );
          updateManagedFields(pods, next, undefined, writer);
          expect(next.metadata.managedFields ?? []).toEqual(writeManagers(compared));
        }
      }),
      { numRuns: 300 },
    );
  });

  it('differ for shapes that are written alike', () => {
    const signature = (fields: object): string | undefined => signatureOf(pods.schema, {}, asObject(fields));
    const shapes = [
      { metadata: { name: 'x', annotations: { a: '1', b: '1' } }, spec: {} },
      { metadata: { name: 'x', annotations: { 'a","b': '1' } }, spec: {} },
      { metadata: { name: 'x', annotations: {} }, spec: {} },
      { metadata: { name: 'x' }, spec: {} },
      { metadata: { name: 'x', labels: { a: '1', b: '1' } }, spec: {} },
    ];
    expect(new Set(shapes.map(signature)).size).toBe(shapes.length);
  });

  it('keep the subresource that wrote them', () => {
    const next = asObject({ metadata: { name: 'x' }, status: { phase: 'Running' } });
    updateManagedFields(pods, next, undefined, { ...writer, subresource: 'status' });
    expect(next.metadata.managedFields).toMatchObject([{ subresource: 'status' }]);
  });
});

it('forgets the oldest shape when there are too many', () => {
  const shapes = new FieldShapes<number>();
  for (let index = 0; index <= 1_000; index += 1) shapes.set(String(index), index);
  expect([shapes.has('0'), shapes.get('1'), shapes.get('1000')]).toEqual([false, 1, 1000]);
});
