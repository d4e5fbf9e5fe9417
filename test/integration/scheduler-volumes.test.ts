/** Claims that wait for their pod, through the real API server; the test plays who makes volumes. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { persistentvolumeclaims, persistentvolumes, storageclasses } from '../../api/generated/resources.ts';
import { bindCompletedAnnotation, selectedNodeAnnotation, toClaimReference } from '../../api/volume-claim.ts';
import { eventually } from '../support/eventually.ts';
import { SchedulerCluster } from '../support/scheduler-cluster.ts';

let cluster: SchedulerCluster;

beforeEach(async () => {
  cluster = await SchedulerCluster.start();
});
afterEach(() => cluster.stop());

const claimRef = { namespace: 'default', name: 'data' };
const resources = { requests: { storage: '1Gi' } };
const accessModes = ['ReadWriteOnce'];

/** As a driver makes a volume for the claim, and the volume controller binds them. */
async function provision(): Promise<void> {
  const { client } = cluster;
  const claim = await client.get(persistentvolumeclaims, claimRef);
  await client.create(persistentvolumes, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'made' } },
    spec: {
      ...{ capacity: { storage: '1Gi' }, accessModes, storageClassName: 'late' },
      ...{ claimRef: toClaimReference(claim), csi: { driver: 'example.com/disks', volumeHandle: 'made' } },
    },
  });
  const bound = await client.update(persistentvolumeclaims, {
    ...claim,
    metadata: {
      ...claim.metadata,
      annotations: { ...claim.metadata.annotations, [bindCompletedAnnotation]: 'yes' },
    },
    spec: { ...claim.spec, volumeName: 'made' },
  });
  await client.update(
    persistentvolumeclaims,
    { ...bound, status: { phase: 'Bound' } },
    { subresource: 'status' },
  );
}

it('a pod whose volume is still being made is nominated for its node, and no more once it has it', async () => {
  const { client } = cluster;
  await client.create(storageclasses, {
    ...{ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'late' } },
    ...{ provisioner: 'example.com/disks', volumeBindingMode: 'WaitForFirstConsumer' },
  });
  await client.create(persistentvolumeclaims, {
    ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: claimRef },
    spec: { accessModes, resources, storageClassName: 'late' },
  });
  await cluster.addNode({ name: 'n1' });
  const volumes = [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }];
  await cluster.addPod({ name: 'waits', spec: { volumes } });
  await eventually(async () => {
    const { metadata } = await client.get(persistentvolumeclaims, claimRef);
    expect(metadata.annotations?.[selectedNodeAnnotation]).toBe('n1');
    expect(cluster.pod('waits')?.status?.nominatedNodeName).toBe('n1');
  });
  expect(cluster.nodeOf('waits')).toBeUndefined();
  await provision();
  await eventually(() => {
    expect(cluster.nodeOf('waits')).toBe('n1');
    expect(cluster.pod('waits')?.status?.nominatedNodeName).toBeUndefined();
  });
});
