import { describe, expect, it } from 'vitest';
import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { aNode } from '../../test/support/scheduling-objects.ts';
import { localPathClass, newVolume, refusalOf } from './new-volume.ts';

const claim = (spec: object = {}): PersistentVolumeClaim => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  metadata: { name: 'data', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } }, ...spec },
});
const storageClass = {
  ...localPathClass,
  metadata: {
    ...localPathClass.metadata,
    name: 'local-path',
    uid: 'c',
    resourceVersion: '1',
    creationTimestamp: '',
  },
};

describe('a local volume', () => {
  it('is a directory of the chosen node, for this claim and no other', () => {
    const bare = aNode({ name: 'a' });
    expect(newVolume(claim(), storageClass, bare)).toBeUndefined();
    const annotations = { 'coracle.dev/local-volumes': '/disk' };
    const made = newVolume(claim(), storageClass, { ...bare, metadata: { ...bare.metadata, annotations } });
    expect(made).toMatchObject({
      metadata: {
        name: 'pvc-u',
        labels: { 'coracle.dev/node': 'a' },
        finalizers: ['coracle.dev/local-volume'],
      },
      spec: {
        local: { path: '/disk/pvc-u' },
        claimRef: { namespace: 'default', name: 'data', uid: 'u' },
        capacity: { storage: '2Gi' },
        persistentVolumeReclaimPolicy: 'Delete',
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', values: ['a'] }] }],
          },
        },
      },
    });
  });

  it.each([
    ['is for one node', { accessModes: ['ReadWriteMany'] }, /access mode ReadWriteMany is not possible/],
    ['is no block device', { volumeMode: 'Block' }, /volumeMode Block/],
    ['cannot be selected', { selector: { matchLabels: { a: 'b' } } }, /selector/],
  ])('%s', (_, spec, refusal) => {
    expect(refusalOf(claim(spec))).toMatch(refusal);
    expect(refusalOf(claim({ accessModes: ['ReadWriteOncePod'] }))).toBeUndefined();
  });
});
