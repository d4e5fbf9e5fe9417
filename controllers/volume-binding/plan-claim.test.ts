import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import { type ClaimView, defaultClassOf, planClaim } from './plan-claim.ts';
import { planVolume } from './plan-volume.ts';

const meta = (name: string, annotations = {}): PersistentVolume['metadata'] => ({
  ...{ name, uid: `uid-${name}`, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  annotations,
});

const claim = (spec: object = {}, annotations = {}): PersistentVolumeClaim => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  metadata: { ...meta('data', annotations), namespace: 'default' },
  spec: {
    ...{ accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '2Gi' } } },
    ...spec,
  },
  status: { phase: 'Pending' },
});

const volume = (name: string, storage: string, more: object = {}, phase = 'Available'): PersistentVolume => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: meta(name) },
  spec: { accessModes: ['ReadWriteOnce', 'ReadOnlyMany'], capacity: { storage }, ...more },
  status: { phase },
});

const storageClass = (volumeBindingMode: string, provisioner = 'example.com/p'): StorageClass => ({
  ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: meta('c') },
  ...{ provisioner, volumeBindingMode },
});

function outcome(view: Partial<ClaimView>): string {
  const step = planClaim({
    ...{ claim: claim(), storageClass: undefined, named: undefined, volumes: [], consumer: undefined },
    defaultClass: undefined,
    ...view,
  });
  if (step.kind === 'bind') return `bind ${step.volume.metadata.name}`;
  if (step.kind === 'classify') return `classify ${step.className}`;
  return `${step.kind}: ${step.event?.reason ?? ''}`;
}

const bound = { 'pv.kubernetes.io/bind-completed': 'yes' };
const reserved = (uid: string): object => ({ claimRef: { namespace: 'default', name: 'data', uid } });

describe('a claim', () => {
  const waits = {
    claim: claim({ storageClassName: 'c' }),
    storageClass: storageClass('WaitForFirstConsumer'),
  };
  it.each<[string, Partial<ClaimView>, string]>([
    [
      'takes the smallest volume that is large enough',
      { volumes: [volume('big', '9Gi'), volume('fits', '3Gi'), volume('small', '1Gi')] },
      'bind fits',
    ],
    [
      'that named no class gets the default one when there is one at last',
      { defaultClass: 'c' },
      'classify c',
    ],
    [
      'that wants no class gets none',
      { defaultClass: 'c', claim: claim({ storageClassName: '' }) },
      'wait: FailedBinding',
    ],
    [
      'takes one that is reserved for it before all others',
      { volumes: [volume('fits', '2Gi'), volume('kept', '5Gi', reserved(''))] },
      'bind kept',
    ],
    [
      'takes none of another class, mode, state or owner',
      {
        volumes: [
          volume('class', '2Gi', { storageClassName: 'other' }),
          volume('block', '2Gi', { volumeMode: 'Block' }),
          volume('taken', '2Gi', reserved('somebody')),
          volume('released', '2Gi', {}, 'Released'),
          volume('modes', '2Gi', { accessModes: ['ReadOnlyMany'] }),
        ],
      },
      'wait: FailedBinding',
    ],
    ['waits for its first consumer', waits, 'wait: WaitForFirstConsumer'],
    ['waits for its consumer to be placed', { ...waits, consumer: 'web' }, 'wait: WaitForPodScheduled'],
    [
      'takes no volume before its consumer is placed, unless that is reserved',
      { ...waits, volumes: [volume('free', '2Gi', { storageClassName: 'c' })] },
      'wait: WaitForFirstConsumer',
    ],
    [
      'is provided for when its node is chosen',
      { ...waits, claim: claim({ storageClassName: 'c' }, { 'volume.kubernetes.io/selected-node': 'a' }) },
      'provision: ExternalProvisioning',
    ],
    [
      'is provided for at once by a class that binds immediately',
      { ...waits, storageClass: storageClass('Immediate') },
      'provision: ExternalProvisioning',
    ],
    [
      'says that its class is missing',
      { claim: claim({ storageClassName: 'c' }) },
      'wait: ProvisioningFailed',
    ],
    ['waits for the volume that it names', { claim: claim({ volumeName: 'v' }) }, 'wait: '],
    [
      'says that the volume that it names is taken',
      { claim: claim({ volumeName: 'v' }), named: volume('v', '2Gi', reserved('somebody')) },
      'wait: FailedBinding',
    ],
    [
      'is bound on when an earlier attempt was interrupted',
      { claim: claim({ volumeName: 'v' }, bound), named: volume('v', '2Gi', reserved('uid-data')) },
      'bind v',
    ],
    ['is lost with its volume', { claim: claim({ volumeName: 'v' }, bound) }, 'lose: ClaimLost'],
    [
      'is lost when another one has its volume',
      { claim: claim({ volumeName: 'v' }, bound), named: volume('v', '2Gi', reserved('somebody')) },
      'lose: ClaimMisbound',
    ],
  ])('%s', (_, view, wanted) => {
    expect(outcome(view)).toBe(wanted);
  });
});

describe('a volume', () => {
  const provisioned = (policy: string, phase: string): PersistentVolume => {
    const made = volume(
      'v',
      '2Gi',
      { ...reserved('uid-data'), persistentVolumeReclaimPolicy: policy },
      phase,
    );
    const annotations = { 'pv.kubernetes.io/provisioned-by': 'p' };
    return { ...made, metadata: { ...made.metadata, annotations } };
  };
  it.each<[string, PersistentVolume, PersistentVolumeClaim | undefined, object]>([
    ['that nobody wants is available', volume('v', '1Gi'), undefined, { kind: 'phase', phase: 'Available' }],
    [
      'that is reserved by hand is available',
      volume('v', '1Gi', reserved('')),
      undefined,
      { kind: 'phase', phase: 'Available' },
    ],
    [
      'of a claim is bound',
      volume('v', '1Gi', reserved('uid-data')),
      claim({ volumeName: 'v' }),
      { kind: 'phase', phase: 'Bound' },
    ],
    [
      'waits for its claim to take it',
      volume('v', '1Gi', reserved('uid-data')),
      claim(),
      { kind: 'nothing' },
    ],
    [
      'whose claim is gone is released',
      provisioned('Delete', 'Bound'),
      undefined,
      { kind: 'phase', phase: 'Released' },
    ],
    [
      'whose claim was made anew is released',
      volume('v', '1Gi', { ...reserved('older'), persistentVolumeReclaimPolicy: 'Retain' }),
      claim({ volumeName: 'v' }),
      { kind: 'phase', phase: 'Released' },
    ],
    [
      'that nothing can delete says so',
      volume('v', '1Gi', { ...reserved('gone'), persistentVolumeReclaimPolicy: 'Delete' }, 'Released'),
      undefined,
      expect.objectContaining({ kind: 'fail', reason: 'VolumeFailedDelete' }),
    ],
    [
      'whose claim was made for it, and took another, is released',
      provisioned('Delete', 'Bound'),
      claim({ volumeName: 'other' }),
      { kind: 'phase', phase: 'Released' },
    ],
  ])('%s', (_, given, of, step) => {
    expect(planVolume(given, of)).toEqual(step);
  });
});

it('of several default classes the newest counts', () => {
  const marked = (name: string, creationTimestamp: string): StorageClass => {
    const metadata = meta(name, { 'storageclass.kubernetes.io/is-default-class': 'true' });
    return { ...storageClass('Immediate'), metadata: { ...metadata, creationTimestamp } };
  };
  const [old, newer] = [marked('old', '2026-01-01T00:00:00Z'), marked('newer', '2026-01-02T00:00:00Z')];
  expect(defaultClassOf([old, newer, storageClass('Immediate')])).toBe('newer');
  expect(defaultClassOf([storageClass('Immediate')])).toBeUndefined();
});
