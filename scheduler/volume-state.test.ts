import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/generated/core-v1.ts';
import type { StorageClass } from '../api/generated/storage-v1.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { DiagnosisMemo } from './diagnosis-memo.ts';
import { diagnosisMessage } from './diagnosis-message.ts';
import { toPodClass } from './framework/pod-class.ts';
import { defaultPlugins } from './plugin-registry.ts';
import { preFilter, schedule } from './schedule.ts';
import { leastLoaded } from './strategies/least-loaded.ts';
import { type VolumeLookup, volumeNeedsOf } from './volume-state.ts';

const meta = (name: string, labels = {}): PersistentVolume['metadata'] => ({
  ...{ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  labels,
});
const claim = (volumeName: string | undefined, storageClassName = ''): PersistentVolumeClaim => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { ...meta('data'), namespace: 'default' } },
  spec: { volumeName, storageClassName },
  status: { phase: volumeName === undefined ? 'Pending' : 'Bound' },
});
const onNode = { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['b'] }] };
const volume = (spec: PersistentVolume['spec'], labels = {}): PersistentVolume => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: meta('disk', labels), spec },
});
const pod: Pod = aPod({ spec: { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: 'data' } }] } });

function outcome(lookup: Partial<VolumeLookup>): string {
  const none = (): undefined => undefined;
  const cluster = new Cluster();
  for (const name of ['a', 'b'])
    cluster.setNode(aNode({ name, labels: { 'topology.kubernetes.io/zone': `zone-${name}` } }));
  const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
  const needs = volumeNeedsOf(pod, { claim: none, volume: none, storageClass: none, ...lookup });
  const podClass = toPodClass(pod, needs);
  const everywhere = preFilter(podClass)?.reasons[0];
  return (
    schedule(context, podClass, leastLoaded)?.name ??
    diagnosisMessage(2, { ...new DiagnosisMemo(context).diagnosisOf(podClass), everywhere }, undefined)
  );
}

describe('a pod with a claim', () => {
  it('goes where its volume is', () => {
    const nodeAffinity = { required: { nodeSelectorTerms: [onNode] } };
    expect(outcome({ claim: () => claim('disk'), volume: () => volume({ nodeAffinity }) })).toBe('b');
    const elsewhere = {
      ...onNode.matchExpressions[0],
      key: 'kubernetes.io/hostname',
      operator: 'In',
      values: ['c'],
    };
    expect(
      outcome({
        claim: () => claim('disk'),
        volume: () =>
          volume({ nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [elsewhere] }] } } }),
      }),
    ).toBe("0/2 nodes are available: 2 node(s) didn't match PersistentVolume's node affinity.");
  });

  it('goes into the zone of its volume', () => {
    const zone = { 'topology.kubernetes.io/zone': 'zone-b__zone-c' };
    expect(outcome({ claim: () => claim('disk'), volume: () => volume({}, zone) })).toBe('b');
  });

  it.each([
    ['is missing', {}, 'persistentvolumeclaim "data" not found'],
    ['is not bound', { claim: () => claim(undefined) }, 'pod has unbound immediate PersistentVolumeClaims'],
    ['lost its volume', { claim: () => claim('disk') }, 'persistentvolume "disk" not found'],
  ])('waits when it %s', (_, lookup, problem) => {
    expect(outcome(lookup)).toBe(`0/2 nodes are available: ${problem}.`);
  });

  it('waits for a volume when its class binds at the first consumer', () => {
    const storageClass = (): StorageClass => ({
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: meta('local') },
      ...{ provisioner: 'kubernetes.io/no-provisioner', volumeBindingMode: 'WaitForFirstConsumer' },
    });
    expect(outcome({ claim: () => claim(undefined, 'local'), storageClass })).toBe(
      "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
    );
  });
});
