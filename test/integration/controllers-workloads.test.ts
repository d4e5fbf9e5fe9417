import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import {
  clusterroles,
  configmaps,
  deployments,
  endpoints,
  endpointslices,
  events,
  namespaces,
  nodes,
  pods,
  replicasets,
  replicationcontrollers,
  serviceaccounts,
  services,
} from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';

const hosts = ['host-1', 'host-2', 'host-3'];
let cluster: ControllersCluster;
let admin: ApiClient;

beforeAll(async () => {
  cluster = await ControllersCluster.start({ nodes: hosts, rootCa: 'PEM' });
  ({ admin } = cluster);
});

afterAll(() => cluster?.stop());

function aDeployment(name: string, replicas: number, image = 'nginx:1'): NewObject<Deployment> {
  const labels = { app: name };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: {
        metadata: { labels } as never,
        spec: { containers: [{ name: 'main', image, ports: [{ name: 'http', containerPort: 80 }] }] },
      },
    },
  };
}

function aService(name: string): NewObject<Service> {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 'http' }] },
  };
}

async function podsOf(name: string): Promise<Pod[]> {
  const { items } = await admin.list(pods, { namespace: 'default', labelSelector: `app=${name}` });
  return items;
}

async function untilComplete(name: string, replicas: number): Promise<Deployment> {
  return eventually(async () => {
    const deployment = await admin.get(deployments, { namespace: 'default', name });
    expect(deployment.status?.observedGeneration).toBe(deployment.metadata.generation);
    expect(deployment.status?.updatedReplicas ?? 0).toBe(replicas);
    expect(deployment.status?.availableReplicas ?? 0).toBe(replicas);
    expect(deployment.status?.replicas ?? 0).toBe(replicas);
    return deployment;
  });
}

describe('a deployment', () => {
  it('becomes as many ready pods as it asks for, behind its service', async () => {
    await admin.create(services, aService('web'));
    await admin.create(deployments, aDeployment('web', 3));
    const deployment = await untilComplete('web', 3);
    expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('1');
    await eventually(async () => {
      const { items } = await admin.list(endpointslices, {
        namespace: 'default',
        labelSelector: 'kubernetes.io/service-name=web',
      });
      expect(items).toHaveLength(1);
      expect(items[0]?.endpoints?.filter(({ conditions }) => conditions?.ready)).toHaveLength(3);
      expect(items[0]?.ports).toEqual([{ name: '', port: 80, protocol: 'TCP' }]);
    });
  });

  it('never has a surplus pod while it grows to a hundred', async () => {
    await admin.create(deployments, aDeployment('big', 100));
    await untilComplete('big', 100);
    const { items } = await admin.list(events, { namespace: 'default' });
    const ofBig = items.filter(({ involvedObject }) => involvedObject.name?.startsWith('big-') === true);
    expect(ofBig.filter(({ reason }) => reason === 'SuccessfulDelete')).toHaveLength(0);
    expect(await podsOf('big')).toHaveLength(100);
  });

  it('shrinks to nothing and grows again', async () => {
    const scale = (replicas: number): Promise<Deployment> =>
      admin.patch(
        deployments,
        { namespace: 'default', name: 'web' },
        { type: 'merge', body: { spec: { replicas } } },
      );
    await scale(0);
    await eventually(async () => expect(await podsOf('web')).toHaveLength(0));
    const { items } = await admin.list(endpointslices, {
      namespace: 'default',
      labelSelector: 'kubernetes.io/service-name=web',
    });
    await eventually(() => expect(items).toHaveLength(1));
    await scale(2);
    await untilComplete('web', 2);
  });

  it('rolls to a new template without going below what has to be available, and back', async () => {
    await admin.create(deployments, aDeployment('roll', 4));
    await untilComplete('roll', 4);
    let least = 4;
    const watching = new AbortController();
    const watched = (async () => {
      const watch = admin.watch(deployments, { namespace: 'default' }, watching.signal);
      for await (const { type, object } of watch)
        if (type === 'MODIFIED' && object.metadata.name === 'roll')
          least = Math.min(least, object.status?.availableReplicas ?? 0);
    })();
    const setImage = (image: string): Promise<unknown> =>
      admin.patch(
        deployments,
        { namespace: 'default', name: 'roll' },
        {
          type: 'strategic',
          body: { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
        },
      );
    await setImage('nginx:2');
    await eventually(async () => {
      const deployment = await untilComplete('roll', 4);
      expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('2');
    });
    await setImage('nginx:1');
    await eventually(async () => {
      const deployment = await untilComplete('roll', 4);
      expect(deployment.metadata.annotations?.['deployment.kubernetes.io/revision']).toBe('3');
    });
    watching.abort();
    await watched;
    expect(least).toBeGreaterThanOrEqual(3);
    const { items } = await admin.list(replicasets, { namespace: 'default', labelSelector: 'app=roll' });
    expect(items).toHaveLength(2);
    const current = items.find(({ spec }) => (spec.replicas ?? 0) > 0);
    expect(current?.metadata.annotations?.['deployment.kubernetes.io/revision-history']).toBe('1');
  });

  it('adopts a pod that fits and releases one that does not any more', async () => {
    const [pod] = await podsOf('web');
    const ref = { namespace: 'default', name: pod?.metadata.name ?? '' };
    await admin.patch(pods, ref, { type: 'merge', body: { metadata: { labels: { app: 'other' } } } });
    await eventually(async () => {
      const released = await admin.get(pods, ref);
      expect(released.metadata.ownerReferences ?? []).toHaveLength(0);
      expect(await podsOf('web')).toHaveLength(2);
    });
    await admin.patch(pods, ref, { type: 'merge', body: { metadata: { labels: { app: 'web' } } } });
    await eventually(async () => {
      const live = (await podsOf('web')).filter(({ metadata }) => metadata.deletionTimestamp === undefined);
      expect(live).toHaveLength(2);
      expect(live.every(({ metadata }) => metadata.ownerReferences?.[0]?.controller === true)).toBe(true);
    });
  });

  it('takes everything that it owns with it', async () => {
    await admin.delete(deployments, { namespace: 'default', name: 'big' });
    await eventually(async () => {
      expect(await podsOf('big')).toHaveLength(0);
      const { items } = await admin.list(replicasets, { namespace: 'default', labelSelector: 'app=big' });
      expect(items).toHaveLength(0);
    });
  });

  it('goes after its dependents when deleted in the foreground, and without them when they are orphaned', async () => {
    await admin.create(deployments, aDeployment('fore', 1));
    await untilComplete('fore', 1);
    await admin.delete(
      deployments,
      { namespace: 'default', name: 'fore' },
      { propagationPolicy: 'Foreground' },
    );
    await eventually(async () => {
      await expect(admin.get(deployments, { namespace: 'default', name: 'fore' })).rejects.toSatisfy(
        isNotFound,
      );
    });
    expect(await podsOf('fore')).toHaveLength(0);

    await admin.create(deployments, aDeployment('orphan', 1));
    await untilComplete('orphan', 1);
    await admin.delete(
      deployments,
      { namespace: 'default', name: 'orphan' },
      { propagationPolicy: 'Orphan' },
    );
    await eventually(async () => {
      await expect(admin.get(deployments, { namespace: 'default', name: 'orphan' })).rejects.toSatisfy(
        isNotFound,
      );
    });
    const { items } = await admin.list(replicasets, { namespace: 'default', labelSelector: 'app=orphan' });
    expect(items.map(({ metadata }) => metadata.ownerReferences ?? [])).toEqual([[]]);
    expect(await podsOf('orphan')).toHaveLength(1);
  });
});

describe('an owner in another namespace', () => {
  it('is none: its dependents go, but for those that have no namespace themselves', async () => {
    const name = 'stranger';
    const map = { apiVersion: 'v1', kind: 'ConfigMap' } as const;
    const { metadata } = await admin.create(configmaps, {
      ...{ ...map, metadata: { name, namespace: 'kube-system' } },
    });
    const ownerReferences = [{ apiVersion: 'v1', kind: 'ConfigMap', name, uid: metadata.uid }];
    await admin.create(clusterroles, {
      ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'ClusterRole' },
      ...{ metadata: { name, ownerReferences }, rules: [] },
    });
    await admin.create(configmaps, { ...map, metadata: { name, namespace: 'default', ownerReferences } });
    await eventually(async () => {
      await expect(admin.get(configmaps, { name, namespace: 'default' })).rejects.toSatisfy(isNotFound);
      const { items } = await admin.list(events, { namespace: 'default' });
      const told = items.filter(({ reason }) => reason === 'OwnerRefInvalidNamespace');
      expect(told.map(({ involvedObject }) => involvedObject.kind).sort()).toEqual([
        'ClusterRole',
        'ConfigMap',
      ]);
    });
    await admin.get(clusterroles, { name });
    await admin.get(configmaps, { name, namespace: 'kube-system' });
  });
});

describe('Endpoints made by hand', () => {
  it('have slices, and go with their service', async () => {
    const metadata = { name: 'outside', namespace: 'default' };
    await admin.create(services, {
      ...{ apiVersion: 'v1', kind: 'Service', metadata, spec: { ports: [{ port: 80 }] } },
    });
    await admin.create(endpoints, {
      ...{ apiVersion: 'v1', kind: 'Endpoints', metadata },
      subsets: [{ addresses: [{ ip: '192.0.2.1' }], ports: [{ port: 80, protocol: 'TCP' }] }],
    });
    const slices = async (): Promise<number> => {
      const labelSelector = 'kubernetes.io/service-name=outside';
      return (await admin.list(endpointslices, { namespace: 'default', labelSelector })).items.length;
    };
    await eventually(async () => expect(await slices()).toBe(1));
    await admin.delete(services, metadata);
    await eventually(async () => {
      await expect(admin.get(endpoints, metadata)).rejects.toSatisfy(isNotFound);
      expect(await slices()).toBe(0);
    });
  });
});

describe('a replication controller', () => {
  it('keeps its pods, as a replica set does', async () => {
    await admin.create(replicationcontrollers, {
      ...{ apiVersion: 'v1', kind: 'ReplicationController', metadata: { name: 'old', namespace: 'default' } },
      spec: {
        replicas: 2,
        selector: { app: 'old' },
        template: {
          metadata: { labels: { app: 'old' } },
          spec: { containers: [{ name: 'main', image: 'nginx' }] },
        },
      },
    });
    const untilReady = (replicas: number): Promise<void> =>
      eventually(async () => {
        const { status } = await admin.get(replicationcontrollers, { namespace: 'default', name: 'old' });
        expect(status).toMatchObject({ replicas, readyReplicas: replicas, availableReplicas: replicas });
      });
    await untilReady(2);
    const [pod] = await podsOf('old');
    await admin.delete(pods, { namespace: 'default', name: pod?.metadata.name ?? '' });
    await eventually(async () => {
      const names = (await podsOf('old')).map(({ metadata }) => metadata.name);
      expect(names).toHaveLength(2);
      expect(names).not.toContain(pod?.metadata.name);
    });
    await untilReady(2);
  });
});

describe('a namespace', () => {
  it('gets a default service account, and goes with all that is in it', async () => {
    await admin.create(namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'shop' },
      spec: {},
    });
    await eventually(() => admin.get(serviceaccounts, { namespace: 'shop', name: 'default' }));
    const deployment = aDeployment('cart', 2);
    await admin.create(deployments, { ...deployment, metadata: { name: 'cart', namespace: 'shop' } });
    await eventually(async () =>
      expect((await admin.list(pods, { namespace: 'shop' })).items).toHaveLength(2),
    );
    await admin.delete(namespaces, { name: 'shop' });
    await eventually(async () => {
      await expect(admin.get(namespaces, { name: 'shop' })).rejects.toSatisfy(isNotFound);
    });
    expect((await admin.list(pods, { namespace: 'shop' })).items).toHaveLength(0);
    expect((await admin.list(deployments, { namespace: 'shop' })).items).toHaveLength(0);
  });
});

describe('a node', () => {
  it('gets a pod CIDR that no other has', async () => {
    await eventually(async () => {
      const { items } = await admin.list(nodes);
      const cidrs = items.map(({ spec }) => spec.podCIDR);
      expect(cidrs).not.toContain(undefined);
      expect(new Set(cidrs).size).toBe(hosts.length);
    });
  });
});
