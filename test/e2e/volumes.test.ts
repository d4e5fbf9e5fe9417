import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { PersistentVolume, PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';

const cluster = new TestCluster({ name: 'e2evol', port: 17_970 });
const waitMs = 60_000;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up('--hosts', '2', '--no-example'), 'deploy/up');
});
afterAll(async () => {
  must(await cluster.down(), 'deploy/down');
});

const apply = async (...items: object[]): Promise<void> =>
  void must(
    await cluster.kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items })),
    'apply',
  );

const claim = (name: string, spec: object = {}): object => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name },
  spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } }, ...spec },
});

const user = (name: string, claimName: string, command = ['sleep', '1000000']): object => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name },
  spec: podSpec(command, [{ name: 'data', persistentVolumeClaim: { claimName } }]),
});

const podSpec = (command: readonly string[], volumes?: readonly object[]): object => ({
  terminationGracePeriodSeconds: 1,
  containers: [{ name: 'c', image: 'nginx', command, volumeMounts: [{ name: 'data', mountPath: '/data' }] }],
  ...(volumes === undefined ? {} : { volumes }),
});

const podNamed = async (name: string): Promise<Pod | undefined> =>
  (await cluster.objects<Pod>('pods')).find(({ metadata }) => metadata.name === name);

const running = (name: string): Promise<Pod> =>
  eventually(async () => {
    const pod = await podNamed(name);
    expect(pod?.status?.phase).toBe('Running');
    return pod ?? expect.fail(name);
  }, waitMs);

const message = async (name: string): Promise<string | undefined> =>
  (await podNamed(name))?.status?.conditions?.find(({ type }) => type === 'PodScheduled')?.message;

const log = (name: string): Promise<string> => cluster.kubectlOut('exec', name, '--', 'cat', '/data/log');

/** Of local volumes, on the disks of all hosts. */
const directories = (): string[] =>
  ['host-1', 'host-2']
    .flatMap((host) => readdirSync(join(cluster.state, 'hosts', host, 'disk', 'local-volumes')))
    .sort();

const noteLife = ['sh', '-c', 'echo $HOSTNAME >> /data/log; sleep 1000000'];

const database = {
  apiVersion: 'apps/v1',
  kind: 'StatefulSet',
  metadata: { name: 'db' },
  spec: {
    serviceName: 'db',
    replicas: 2,
    podManagementPolicy: 'Parallel',
    persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Delete', whenScaled: 'Retain' },
    selector: { matchLabels: { app: 'db' } },
    template: { metadata: { labels: { app: 'db' } }, spec: podSpec(noteLife) },
    volumeClaimTemplates: [
      {
        metadata: { name: 'data' },
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    ],
  },
};

describe('a StatefulSet with claims', () => {
  it('keeps its data over the end of a pod, over scaling, and until it is deleted', async () => {
    await apply(database);
    const first = await running('db-0');
    const second = await running('db-1');
    const volumes = (await cluster.objects<PersistentVolume>('pv')).map(({ metadata }) => metadata.name);
    expect(directories()).toEqual(volumes.sort());
    must(await cluster.kubectl(['delete', 'pod', 'db-0']), 'delete db-0');
    const again = await running('db-0');
    expect(again.metadata.uid).not.toBe(first.metadata.uid);
    expect(again.spec.nodeName).toBe(first.spec.nodeName);
    expect(await log('db-0')).toBe('db-0\ndb-0\n');

    must(await cluster.kubectl(['scale', 'sts/db', '--replicas=1']), 'scale down');
    await eventually(async () => expect(await podNamed('db-1')).toBeUndefined(), waitMs);
    must(await cluster.kubectl(['scale', 'sts/db', '--replicas=2']), 'scale up');
    expect((await running('db-1')).spec.nodeName).toBe(second.spec.nodeName);
    expect(await log('db-1')).toBe('db-1\ndb-1\n');

    expect(directories()).toEqual(volumes);
    must(await cluster.kubectl(['delete', 'sts', 'db']), 'delete db');
    await eventually(async () => {
      expect(await cluster.objects<PersistentVolumeClaim>('pvc')).toEqual([]);
      expect(await cluster.objects<PersistentVolume>('pv')).toEqual([]);
      expect(directories()).toEqual([]);
    }, waitMs);
  });
});

describe('a claim', () => {
  it('of ReadWriteOncePod is for one pod at a time', async () => {
    await apply(claim('alone', { accessModes: ['ReadWriteOncePod'] }), user('one', 'alone'));
    await running('one');
    await apply(user('two', 'alone'));
    await eventually(async () =>
      expect(await message('two')).toContain(
        'node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode',
      ),
    );
    must(await cluster.kubectl(['delete', 'pod', 'one']), 'delete one');
    await running('two');
  });

  it('takes the pod to a volume that was made by hand, and waits where there is none', async () => {
    const local = {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'by-hand' },
      provisioner: 'kubernetes.io/no-provisioner',
      volumeBindingMode: 'WaitForFirstConsumer',
    };
    const volume = {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name: 'by-hand' },
      spec: {
        storageClassName: 'by-hand',
        accessModes: ['ReadWriteOnce'],
        capacity: { storage: '2Gi' },
        persistentVolumeReclaimPolicy: 'Retain',
        hostPath: { path: `${cluster.state}/by-hand`, type: 'DirectoryOrCreate' },
        nodeAffinity: {
          required: {
            nodeSelectorTerms: [
              { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: ['host-2'] }] },
            ],
          },
        },
      },
    };
    const byHand = { storageClassName: 'by-hand' };
    await apply(local, claim('first', byHand), claim('second', byHand), user('lucky', 'first', noteLife));
    await eventually(async () =>
      expect(await message('lucky')).toContain("2 node(s) didn't find available persistent volumes to bind"),
    );
    await apply(volume);
    expect((await running('lucky')).spec.nodeName).toBe('host-2');
    expect(await log('lucky')).toBe('lucky\n');
    await apply(
      user('late', 'second'),
      claim('no-class', { storageClassName: '' }),
      user('unbound', 'no-class'),
    );
    await eventually(async () => {
      expect(await message('late')).toContain("2 node(s) didn't find available persistent volumes to bind");
      expect(await message('unbound')).toContain('pod has unbound immediate PersistentVolumeClaims');
    });
  });

  it('of an ephemeral volume lives and dies with its pod', async () => {
    const ephemeral = {
      volumeClaimTemplate: {
        spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: '1Gi' } } },
      },
    };
    const spec = podSpec(noteLife, [{ name: 'data', ephemeral }]);
    await apply({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'brief' }, spec });
    await running('brief');
    expect(await log('brief')).toBe('brief\n');
    must(await cluster.kubectl(['delete', 'pod', 'brief']), 'delete brief');
    await eventually(async () => {
      const claims = await cluster.objects<PersistentVolumeClaim>('pvc');
      expect(claims.map(({ metadata }) => metadata.name)).not.toContain('brief-data');
    }, waitMs);
  });
});
