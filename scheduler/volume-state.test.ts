import { describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../api/generated/core-v1.ts';
import type { StorageClass } from '../api/generated/storage-v1.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { DiagnosisMemo } from './diagnosis-memo.ts';
import { diagnosisMessage } from './diagnosis-message.ts';
import { toNodeFacts, withVolumeLimits } from './framework/node-info.ts';
import { toPodClass } from './framework/pod-class.ts';
import { volumeLimitsOf } from './framework/volume-limits.ts';
import { defaultPlugins } from './plugin-registry.ts';
import { PreemptionIndex } from './preemption/preemption-index.ts';
import { preFilter, schedule } from './schedule.ts';
import { leastLoaded } from './strategies/least-loaded.ts';
import { placedVolumeNeedsOf, type VolumeLookup, volumeNeedsOf } from './volume-state.ts';

const meta = (name: string, labels = {}): PersistentVolume['metadata'] => ({
  ...{ name, uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  labels,
});
const claim = (
  volumeName: string | undefined,
  storageClassName = '',
  more: Partial<PersistentVolumeClaim['spec']> = {},
): PersistentVolumeClaim => ({
  ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim' },
  metadata: {
    ...{ ...meta('data'), namespace: 'default' },
    annotations: volumeName === undefined ? {} : { 'pv.kubernetes.io/bind-completed': 'yes' },
  },
  spec: { volumeName, storageClassName, ...more },
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

  it.each([
    ['a node in no zone takes it', {}, true],
    ['a node that says only its region does not', { 'topology.kubernetes.io/region': 'r' }, false],
    ['an older label is met by the newer one', { 'topology.kubernetes.io/zone': 'z' }, true],
    ['another zone does not', { 'topology.kubernetes.io/zone': 'y' }, false],
  ])('has an old label of its zone: %s', (_, labels, fits) => {
    const lookup = {
      ...{ claim: () => claim('disk'), storageClass: () => undefined },
      volume: () => volume({}, { 'failure-domain.beta.kubernetes.io/zone': 'z' }),
    };
    const cluster = new Cluster();
    cluster.setNode(aNode({ name: 'a', labels }));
    const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
    const chosen = schedule(context, toPodClass(pod, volumeNeedsOf(pod, lookup)), leastLoaded);
    expect(chosen !== undefined).toBe(fits);
  });

  it('goes into the zone of its volume', () => {
    const zone = { 'topology.kubernetes.io/zone': 'zone-b__zone-c' };
    expect(outcome({ claim: () => claim('disk'), volume: () => volume({}, zone) })).toBe('b');
  });

  it.each([
    ['is missing', {}, 'persistentvolumeclaim "data" not found'],
    ['is not bound', { claim: () => claim(undefined) }, 'pod has unbound immediate PersistentVolumeClaims'],
    [
      'lost its volume',
      { claim: () => claim('disk') },
      '2 node(s) unavailable due to one or more pvc(s) bound to non-existent pv(s)',
    ],
  ])('waits when it %s', (_, lookup, problem) => {
    expect(outcome(lookup)).toBe(`0/2 nodes are available: ${problem}.`);
  });

  const waiting =
    (provisioner: string, more: Partial<StorageClass> = {}): (() => StorageClass) =>
    () => ({
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: meta('local') },
      ...{ provisioner, volumeBindingMode: 'WaitForFirstConsumer', ...more },
    });
  const available = (name: string, node: string, storage: string): PersistentVolume => ({
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: meta(name), status: { phase: 'Available' } },
    spec: {
      ...{ storageClassName: 'local', accessModes: ['ReadWriteOnce'], capacity: { storage } },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] },
          ],
        },
      },
    },
  });
  const asks =
    (storage: string): (() => PersistentVolumeClaim) =>
    () =>
      claim(undefined, 'local', { accessModes: ['ReadWriteOnce'], resources: { requests: { storage } } });

  it('goes where an available volume is that is large enough', () => {
    const volumes = (): PersistentVolume[] => [
      available('small', 'a', '1Gi'),
      available('large', 'b', '5Gi'),
    ];
    const storageClass = waiting('kubernetes.io/no-provisioner');
    expect(outcome({ claim: asks('3Gi'), storageClass, volumes })).toBe('b');
    expect(outcome({ claim: asks('9Gi'), storageClass, volumes })).toBe(
      "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
    );
  });

  it('goes where one can be made, and only there once that has begun', () => {
    const allowedTopologies = [
      { matchLabelExpressions: [{ key: 'topology.kubernetes.io/zone', values: ['zone-b'] }] },
    ];
    const storageClass = waiting('coracle.dev/local-path', { allowedTopologies });
    expect(outcome({ claim: asks('1Gi'), storageClass })).toBe('b');
    const begun = asks('1Gi')();
    const annotations = { 'volume.kubernetes.io/selected-node': 'a' };
    const selected = { ...begun, metadata: { ...begun.metadata, annotations } };
    expect(outcome({ claim: () => selected, storageClass: waiting('coracle.dev/local-path') })).toBe('a');
  });

  it('waits for a volume when its class binds at the first consumer', () => {
    const storageClass = waiting('kubernetes.io/no-provisioner');
    expect(outcome({ claim: () => claim(undefined, 'local'), storageClass })).toBe(
      "0/2 nodes are available: 2 node(s) didn't find available persistent volumes to bind.",
    );
  });

  it('goes where its storage driver can attach another volume', () => {
    const storageClass = waiting('disk.example');
    const lookup: VolumeLookup = {
      claim: (_, name) =>
        name === 'new' ? claim(undefined, 'disk') : claim(name === 'local' ? 'local' : 'disk', 'disk'),
      volume: (name) => {
        if (name === '') return undefined;
        return volume(name === 'disk' ? { csi: { driver: 'disk.example', volumeHandle: 'h' } } : {});
      },
      storageClass,
    };
    const cluster = new Cluster();
    const limits = volumeLimitsOf({
      ...{ apiVersion: 'storage.k8s.io/v1', kind: 'CSINode', metadata: meta('a') },
      spec: { drivers: [{ name: 'disk.example', nodeID: 'a', allocatable: { count: 2 } }] },
    });
    cluster.setNodeFacts(withVolumeLimits(toNodeFacts(aNode({ name: 'a' })), limits));
    const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
    const using = (name: string, claims: readonly string[], priority = 0): Pod =>
      aPod({
        name,
        spec: {
          priority,
          volumes: claims.map((claimName) => ({ name: claimName, persistentVolumeClaim: { claimName } })),
        },
      });
    const fits = (...claims: string[]): boolean => {
      const asks = using('asks', claims);
      return schedule(context, toPodClass(asks, volumeNeedsOf(asks, lookup)), leastLoaded) !== undefined;
    };
    const place = (uid: string, ...claims: string[]): void => {
      const user = using(uid, claims);
      const podClass = toPodClass(user, placedVolumeNeedsOf(user, lookup));
      cluster.setPod({ uid, name: uid, podClass, nodeName: 'a', isLive: true, isAssumed: false });
    };
    expect([fits('one', 'two'), fits('one', 'two', 'new')]).toEqual([true, false]);
    place('first', 'one', 'local');
    place('second', 'one', 'two');
    expect([fits('one'), fits('two', 'local'), fits('three'), fits('new')]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    const asks = using('asks', ['three'], 7);
    const third = toPodClass(asks, volumeNeedsOf(asks, lookup));
    const memo = new DiagnosisMemo(context).diagnosisOf(third);
    expect(diagnosisMessage(1, { ...memo, everywhere: undefined }, undefined)).toBe(
      '0/1 nodes are available: 1 node(s) exceed max volume count.',
    );
    expect(new PreemptionIndex(context).plan(third, memo)).toMatchObject({ victims: [{ uid: 'second' }] });
    cluster.removePod('second');
    expect(fits('three')).toBe(true);
    // A volume that is still attached counts though no pod there uses it, and costs no more when one does.
    const lingering = { driver: 'disk.example', claim: 'default/gone' };
    cluster.setNodeFacts(
      withVolumeLimits(toNodeFacts(aNode({ name: 'a' })), limits && { ...limits, attached: [lingering] }),
    );
    expect([fits('three'), fits('gone'), fits('one')]).toEqual([false, true, true]);
  });

  it('has a claim for itself alone when its access mode is ReadWriteOncePod', () => {
    const alone = claim('disk', '', { accessModes: ['ReadWriteOncePod'] });
    const lookup = { claim: () => alone, volume: () => volume({}), storageClass: () => undefined };
    const cluster = new Cluster();
    for (const name of ['a', 'b']) cluster.setNode(aNode({ name }));
    const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
    const user = { ...pod, metadata: { ...pod.metadata, uid: 'user', name: 'user' } };
    const podClass = toPodClass(user, placedVolumeNeedsOf(user, lookup));
    cluster.setPod({
      ...{ uid: 'user', name: 'default/user', podClass, nodeName: 'a', isLive: true, isAssumed: false },
    });
    const wanted = { ...pod, spec: { ...pod.spec, priority: 7 } };
    const second = toPodClass(wanted, volumeNeedsOf(wanted, lookup));
    const memo = new DiagnosisMemo(context).diagnosisOf(second);
    expect(schedule(context, second, leastLoaded)).toBeUndefined();
    expect(diagnosisMessage(2, { ...memo, everywhere: undefined }, undefined)).toBe(
      '0/2 nodes are available: 2 node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode.',
    );
    const plan = new PreemptionIndex(context).plan(second, memo);
    expect(plan).toMatchObject({ node: 'a', victims: [{ uid: 'user' }] });
    cluster.removePod('user');
    expect(schedule(context, second, leastLoaded)).toBeDefined();
  });

  it('gets its claim for itself by eviction, however many nodes evict others with less harm', () => {
    const alone = claim('disk', '', { accessModes: ['ReadWriteOncePod'] });
    const lookup = { claim: () => alone, volume: () => volume({}), storageClass: () => undefined };
    const cluster = new Cluster();
    const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
    const put = (user: Pod, nodeName: string): void => {
      const { uid, name } = user.metadata;
      const podClass = toPodClass(user, placedVolumeNeedsOf(user, lookup));
      cluster.setPod({ uid, name, podClass, nodeName, isLive: true, isAssumed: false });
    };
    for (let i = 0; i < 200; i += 1) {
      const node = aNode({ name: `n${i}`, cpu: '1' });
      // Whether a pod uses the claim is no matter of labels.
      cluster.setNode({ ...node, metadata: { ...node.metadata, labels: {} } });
      put(aPod({ name: `other-${i}`, cpu: '1' }), `n${i}`);
    }
    cluster.removePod([...cluster.podsOn('n150')][0]?.uid ?? '');
    const dearer = { ...pod, metadata: { ...pod.metadata, uid: 'user' }, spec: { ...pod.spec, priority: 5 } };
    put(dearer, 'n150');
    const wanted = { ...pod, spec: { ...pod.spec, priority: 7 } };
    const second = toPodClass(wanted, volumeNeedsOf(wanted, lookup));
    expect(schedule(context, second, leastLoaded)).toBeUndefined();
    const diagnosis = new DiagnosisMemo(context).diagnosisOf(second);
    expect(new PreemptionIndex(context).plan(second, diagnosis)).toMatchObject({
      node: 'n150',
      victims: [{ uid: 'user' }],
    });
  });
});
