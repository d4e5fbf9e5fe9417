import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import { deployments, poddisruptionbudgets, pods } from '../../api/generated/resources.ts';
import { StatusError } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { livePods } from '../support/observed-objects.ts';

const namespace = 'default';
/** New pods stay unready while it says so. */
let becomeReady = true;
let cluster: ControllersCluster;
let admin: ApiClient;

beforeAll(async () => {
  cluster = await ControllersCluster.start({ nodes: ['host-1'], isReady: () => becomeReady });
  ({ admin } = cluster);
  await admin.create(deployments, {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace } },
    spec: {
      replicas: 3,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'main', image: 'nginx' }] },
      },
    },
  });
});

afterAll(() => cluster?.stop());

const createBudget = (spec: PodDisruptionBudget['spec']): Promise<PodDisruptionBudget> =>
  admin.create(poddisruptionbudgets, {
    ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web', namespace } },
    spec: { selector: { matchLabels: { app: 'web' } }, ...spec },
  });

const untilStatus = (status: PodDisruptionBudget['status']): Promise<void> =>
  eventually(async () => {
    const budget = await admin.get(poddisruptionbudgets, { namespace, name: 'web' });
    expect(budget.status).toMatchObject(status ?? {});
  });

const podsOf = (): Promise<Pod[]> => livePods(admin, 'app=web');

const readiness = ({ status }: Pod): string | undefined =>
  status?.conditions?.find(({ type }) => type === 'Ready')?.status;

async function evict(pod: Pod | undefined): Promise<number> {
  const name = pod?.metadata.name ?? '';
  try {
    await admin.createSubresource(pods, { namespace, name }, 'eviction', {
      ...{ apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } },
    });
    return 201;
  } catch (error) {
    if (error instanceof StatusError) return error.code;
    throw error;
  }
}

describe('a disruption budget', () => {
  it('allows as many evictions as leave enough healthy pods, and more when others have come', async () => {
    await createBudget({ maxUnavailable: 1 });
    await untilStatus({ expectedPods: 3, currentHealthy: 3, desiredHealthy: 2, disruptionsAllowed: 1 });
    becomeReady = false;
    const [first, second] = await podsOf();
    expect(await evict(first)).toBe(201);
    expect(await evict(second)).toBe(429);
    await untilStatus({ currentHealthy: 2, disruptionsAllowed: 0 });
    const unready = await eventually(async () => {
      const found = (await podsOf()).find((pod) => readiness(pod) === 'False');
      return found ?? expect.fail('none has been reported unready yet');
    });
    becomeReady = true;
    // Enough others are healthy: one that serves nobody may go.
    expect(await evict(unready)).toBe(201);
    await untilStatus({ currentHealthy: 3, disruptionsAllowed: 1 });
    expect(await evict((await podsOf())[0])).toBe(201);
  });

  it('allows nothing while it cannot know what is expected', async () => {
    await admin.create(pods, {
      ...{ apiVersion: 'v1', kind: 'Pod' },
      metadata: {
        ...{ name: 'stray', namespace, labels: { app: 'web' } },
        ownerReferences: [
          { apiVersion: 'example.com/v1', kind: 'Odd', name: 'odd', uid: 'no-uid', controller: true },
        ],
      },
      spec: { containers: [{ name: 'main', image: 'nginx' }] },
    });
    await untilStatus({
      disruptionsAllowed: 0,
      conditions: [
        {
          ...{ type: 'DisruptionAllowed', status: 'False', reason: 'SyncFailed' },
          ...{ message: 'found no controllers for pod "stray"', lastTransitionTime: expect.any(String) },
        },
      ],
    });
    await admin.delete(pods, { namespace, name: 'stray' });
    await untilStatus({ disruptionsAllowed: 1 });
  });
});
