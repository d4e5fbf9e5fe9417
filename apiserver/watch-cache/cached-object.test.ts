import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { aPod } from '../../test/support/scheduling-objects.ts';
import { indexObject, withChanges } from './cached-object.ts';
import { SelectableFields, SharedValues } from './shared-values.ts';

const places = new Map([
  ['spec.nodeName', 0],
  ['status.phase', 1],
]);
const shared = new SharedValues();
const fieldsOf = (_: string, object: AnyObject): SelectableFields => {
  const { spec, status } = object as AnyObject & ReturnType<typeof aPod>;
  return new SelectableFields(places, [spec.nodeName ?? '', status?.phase ?? '']);
};

const indexed = (object: AnyObject): ReturnType<typeof indexObject> => {
  const path = { resource: '/pods', namespace: 'default', name: 'web' };
  const stored = { key: '/registry/pods/default/web', version: 7, json: Buffer.from('{}'), object };
  return indexObject(path, stored, { fieldsOf, shared });
};

describe('withChanges', () => {
  it('is indexed as one that is read anew', () => {
    for (const labels of [undefined, { app: 'web' }]) {
      const pod = { ...aPod({ name: 'web', labels }) };
      const place = { zone: 'z1' };
      const moved = {
        ...pod,
        metadata: { ...pod.metadata, labels: { ...labels, ...place } },
        spec: { ...pod.spec, nodeName: 'n1' },
      };
      const changes = { labels: place, fields: { 'spec.nodeName': 'n1' } };
      expect(withChanges(indexed(pod), changes, shared)).toEqual(indexed(moved));
    }
  });

  it('changes selectable fields however they are kept', () => {
    const pod = { ...indexed({ ...aPod({ name: 'web' }) }), fields: new Map([['spec.nodeName', '']]) };
    const { fields } = withChanges(pod, { fields: { 'spec.nodeName': 'n1', 'spec.unknown': 'x' } }, shared);
    expect([fields.get('spec.nodeName'), fields.get('spec.unknown')]).toEqual(['n1', undefined]);
  });

  it('leaves what is not said to change', () => {
    const pod = indexed({ ...aPod({ name: 'web', labels: { app: 'web' } }) });
    expect(withChanges(pod, {}, shared)).toEqual(pod);
    expect(withChanges(pod, { fields: { 'spec.unknown': 'x' } }, shared)).toEqual(pod);
  });
});
