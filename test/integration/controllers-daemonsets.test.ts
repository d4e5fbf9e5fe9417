import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DaemonSet, DaemonSetStatus } from '../../api/generated/apps-v1.ts';
import { controllerrevisions, daemonsets, nodes, pods } from '../../api/generated/resources.ts';
import type { ApiClient } from '../../client/client.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { livePods, untilObserved } from '../support/observed-objects.ts';
import { reportEnd } from '../support/pod-ends.ts';

const hosts = ['host-1', 'host-2', 'host-3'];
const namespace = 'default';
const ref = { namespace, name: 'logs' };
let cluster: ControllersCluster;
let admin: ApiClient;

beforeAll(async () => {
  cluster = await ControllersCluster.start({ nodes: hosts });
  ({ admin } = cluster);
});

afterAll(() => cluster?.stop());

const podsOf = (): ReturnType<typeof livePods> => livePods(admin, 'app=logs');
const untilStatus = (status: Partial<DaemonSetStatus>): Promise<DaemonSet> =>
  untilObserved(admin, daemonsets, ref, status);

const setImage = (image: string): Promise<DaemonSet> =>
  admin.patch(daemonsets, ref, {
    type: 'strategic',
    body: { spec: { template: { spec: { containers: [{ name: 'main', image }] } } } },
  });

describe('a daemon set', () => {
  it('has a pod on each node, also on one that comes later', async () => {
    await admin.create(daemonsets, {
      ...{ apiVersion: 'apps/v1', kind: 'DaemonSet', metadata: ref },
      spec: {
        selector: { matchLabels: { app: 'logs' } },
        template: {
          metadata: { labels: { app: 'logs' } },
          spec: { nodeSelector: { logs: 'yes' }, containers: [{ name: 'main', image: 'logs:1' }] },
        },
      },
    });
    await untilStatus({ desiredNumberScheduled: 0 });
    const label = (name: string, value: string | null): Promise<unknown> =>
      admin.patch(nodes, { name }, { type: 'merge', body: { metadata: { labels: { logs: value } } } });
    for (const host of hosts) await label(host, 'yes');
    await untilStatus({ desiredNumberScheduled: 3, numberAvailable: 3, updatedNumberScheduled: 3 });
    expect(new Set((await podsOf()).map(({ spec }) => spec.nodeName))).toEqual(new Set(hosts));
    await label('host-3', null);
    await eventually(async () => expect(await podsOf()).toHaveLength(2));
    await label('host-3', 'yes');
    await untilStatus({ desiredNumberScheduled: 3, numberAvailable: 3 });
  });

  it('replaces a pod that failed', async () => {
    const [pod] = await podsOf();
    if (pod !== undefined) await reportEnd(admin, pod, 1);
    await eventually(async () => {
      const now = await podsOf();
      expect(now).toHaveLength(3);
      expect(now.map(({ metadata }) => metadata.uid)).not.toContain(pod?.metadata.uid);
    });
    await untilStatus({ numberAvailable: 3 });
  });

  it('rolls to a new template, keeps revisions, and goes back to an earlier one', async () => {
    const hashes = async (): Promise<Set<string | undefined>> =>
      new Set((await podsOf()).map(({ metadata }) => metadata.labels?.['controller-revision-hash']));
    const [first] = await hashes();
    await setImage('logs:2');
    await untilStatus({ updatedNumberScheduled: 3, numberAvailable: 3 });
    const [second] = await hashes();
    expect(second).not.toBe(first);
    const revisions = (await admin.list(controllerrevisions, { namespace })).items;
    expect(revisions.map(({ revision }) => revision).sort()).toEqual([1, 2]);
    expect(revisions[0]?.data).toMatchObject({ spec: { template: { $patch: 'replace' } } });
    await setImage('logs:1');
    await untilStatus({ updatedNumberScheduled: 3, numberAvailable: 3 });
    expect(await hashes()).toEqual(new Set([first]));
    const after = (await admin.list(controllerrevisions, { namespace })).items;
    expect(after.map(({ revision }) => revision).sort()).toEqual([2, 3]);
  });

  it('waits for the user when its strategy is OnDelete', async () => {
    await admin.patch(daemonsets, ref, {
      ...{ type: 'merge', body: { spec: { updateStrategy: { type: 'OnDelete', rollingUpdate: null } } } },
    });
    await setImage('logs:3');
    const daemonSet = await untilStatus({ numberAvailable: 3 });
    expect(daemonSet.status?.updatedNumberScheduled).toBeUndefined();
    const [pod] = await podsOf();
    if (pod !== undefined) await admin.delete(pods, pod.metadata);
    await untilStatus({ numberAvailable: 3, updatedNumberScheduled: 1 });
  });

  it('takes its pods and revisions along', async () => {
    await admin.delete(daemonsets, ref);
    await eventually(async () => {
      expect(await podsOf()).toEqual([]);
      expect((await admin.list(controllerrevisions, { namespace })).items).toEqual([]);
    });
  });
});
