import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { StatefulSet, StatefulSetStatus } from '../../api/generated/apps-v1.ts';
import {
  controllerrevisions,
  persistentvolumeclaims,
  pods,
  statefulsets,
  storageclasses,
} from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { untilObserved } from '../support/observed-objects.ts';

const namespace = 'default';
const ref = { namespace, name: 'db' };
/** Pods that stay unready. */
const unready = new Set(['db-1']);
let cluster: ControllersCluster;
let admin: ApiClient;

beforeAll(async () => {
  cluster = await ControllersCluster.start({
    nodes: ['host-1'],
    isReady: ({ metadata }) => !unready.has(metadata.name),
  });
  ({ admin } = cluster);
});

afterAll(() => cluster?.stop());

const names = async (): Promise<string[]> =>
  (await admin.list(pods, { namespace, labelSelector: 'app=db' })).items
    .map(({ metadata }) => metadata.name)
    .sort();
const claims = async (): Promise<string[]> =>
  (await admin.list(persistentvolumeclaims, { namespace })).items.map(({ metadata }) => metadata.name).sort();

const untilStatus = (status: Partial<StatefulSetStatus>): Promise<StatefulSet> =>
  untilObserved(admin, statefulsets, ref, status);

const change = (spec: unknown): Promise<StatefulSet> =>
  admin.patch(statefulsets, ref, { type: 'strategic', body: { spec } });

describe('a stateful set', () => {
  it('starts its replicas in order, each when the one before is ready, with claims of their own', async () => {
    await admin.create(statefulsets, {
      ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: ref },
      spec: {
        ...{ replicas: 3, serviceName: 'db', selector: { matchLabels: { app: 'db' } } },
        template: {
          metadata: { labels: { app: 'db' } },
          spec: { containers: [{ name: 'main', image: 'db:1' }] },
        },
        volumeClaimTemplates: [
          {
            ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: { name: 'data' } as never },
            spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
          },
        ],
      },
    });
    await untilStatus({ replicas: 2, readyReplicas: 1 });
    expect(await names()).toEqual(['db-0', 'db-1']);
    unready.clear();
    await admin.delete(pods, { namespace, name: 'db-1' });
    await untilStatus({ replicas: 3, readyReplicas: 3, availableReplicas: 3, currentReplicas: 3 });
    expect(await claims()).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
    const pod = await admin.get(pods, { namespace, name: 'db-2' });
    expect(pod.spec).toMatchObject({ hostname: 'db-2', subdomain: 'db' });
    expect(pod.spec.volumes?.[0]).toMatchObject({
      ...{ name: 'data', persistentVolumeClaim: { claimName: 'data-db-2' } },
    });
  });

  it('updates from the last replica down to the partition, and then the rest', async () => {
    const before = await untilStatus({ readyReplicas: 3 });
    const template = { spec: { containers: [{ name: 'main', image: 'db:2' }] } };
    const updateStrategy = { type: 'RollingUpdate', rollingUpdate: { partition: 2 } };
    await change({ template, updateStrategy });
    const canary = await untilStatus({ updatedReplicas: 1, currentReplicas: 2, readyReplicas: 3 });
    expect(canary.status?.currentRevision).toBe(before.status?.currentRevision);
    expect(canary.status?.updateRevision).not.toBe(before.status?.updateRevision);
    const imageOf = async (name: string): Promise<string | undefined> =>
      (await admin.get(pods, { namespace, name })).spec.containers[0]?.image;
    expect([await imageOf('db-1'), await imageOf('db-2')]).toEqual(['db:1', 'db:2']);
    await change({ updateStrategy: { rollingUpdate: { partition: 0 } } });
    const done = await untilStatus({ updatedReplicas: 3, currentReplicas: 3, readyReplicas: 3 });
    expect(done.status?.currentRevision).toBe(done.status?.updateRevision);
    const { items } = await admin.list(controllerrevisions, { namespace });
    expect(items.map(({ revision }) => revision).sort()).toEqual([1, 2]);
  });

  it('shrinks from the end, keeps the claims, and has them again when it grows', async () => {
    await change({ replicas: 1 });
    await untilStatus({ replicas: 1, readyReplicas: 1 });
    expect(await names()).toEqual(['db-0']);
    expect(await claims()).toEqual(['data-db-0', 'data-db-1', 'data-db-2']);
    await change({ replicas: 2 });
    await untilStatus({ readyReplicas: 2 });
  });

  it('lets claims go with replicas and with itself when its policy says so', async () => {
    await change({ persistentVolumeClaimRetentionPolicy: { whenScaled: 'Delete', whenDeleted: 'Delete' } });
    await change({ replicas: 1 });
    await eventually(async () => expect(await claims()).toEqual(['data-db-0', 'data-db-2']));
    await eventually(async () => {
      const claim = await admin.get(persistentvolumeclaims, { namespace, name: 'data-db-0' });
      expect(claim.metadata.ownerReferences?.map(({ kind }) => kind)).toEqual(['StatefulSet']);
    });
    await admin.delete(statefulsets, ref);
    await eventually(async () => {
      await expect(admin.get(statefulsets, ref)).rejects.toSatisfy(isNotFound);
      expect(await names()).toEqual([]);
      expect(await claims()).toEqual(['data-db-2']);
    });
  });
});

describe('a claim that names no class', () => {
  it('gets the default one that comes later', async () => {
    const named = { namespace, name: 'early' };
    const mark = async (isDefault: boolean): Promise<void> => {
      const annotations = { 'storageclass.kubernetes.io/is-default-class': String(isDefault) };
      const body = { metadata: { annotations } };
      await eventually(() => admin.patch(storageclasses, { name: 'local-path' }, { type: 'merge', body }));
    };
    await mark(false);
    await eventually(async () => {
      const { spec } = await admin.create(persistentvolumeclaims, {
        ...{ apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata: named },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      });
      // The server may not have heard yet that there is no default class.
      if (spec?.storageClassName !== undefined) await admin.delete(persistentvolumeclaims, named);
      expect(spec?.storageClassName).toBeUndefined();
    });
    await mark(true);
    await eventually(async () => {
      const { spec } = await admin.get(persistentvolumeclaims, named);
      expect(spec?.storageClassName).toBe('local-path');
    });
  });
});
