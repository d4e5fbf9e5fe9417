import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { HorizontalPodAutoscaler } from '../../api/generated/autoscaling-v2.ts';
import { deployments, events, horizontalpodautoscalers } from '../../api/generated/resources.ts';
import type { ApiClient, RawRequest, RawResponse } from '../../client/client.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';

const namespace = 'default';
/** What each container uses; undefined as long as there is no metrics API. */
let usage: string | undefined;
let cluster: ControllersCluster;
let admin: ApiClient;

/** Answers for the metrics API, which nobody measures anything for here; everything else goes through. */
function withMetrics(client: ApiClient): ApiClient {
  const request = async (raw: RawRequest): Promise<RawResponse> => {
    if (!raw.path.startsWith('/apis/metrics.k8s.io/')) return client.request(raw);
    if (usage === undefined) return { status: 404, headers: {}, body: Buffer.from('404 page not found') };
    const { items } = await client.list(
      { group: '', version: 'v1', kind: 'Pod', plural: 'pods', namespaced: true },
      { namespace },
    );
    const metrics = items.map(({ metadata }) => ({
      ...{ metadata: { name: metadata.name }, timestamp: new Date().toISOString(), window: '10s' },
      containers: [{ name: 'main', usage: { memory: usage } }],
    }));
    return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ items: metrics })) };
  };
  return {
    get: client.get.bind(client),
    list: client.list.bind(client),
    create: client.create.bind(client),
    update: client.update.bind(client),
    patch: client.patch.bind(client),
    delete: client.delete.bind(client),
    deleteCollection: client.deleteCollection.bind(client),
    watch: client.watch.bind(client),
    createSubresource: client.createSubresource.bind(client),
    isConnected: client.isConnected.bind(client),
    request,
  };
}

beforeAll(async () => {
  cluster = await ControllersCluster.start({ nodes: ['host-1'], wrap: withMetrics });
  ({ admin } = cluster);
  await admin.create(deployments, {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', namespace } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: {
          containers: [{ name: 'main', image: 'nginx', resources: { requests: { memory: '100Mi' } } }],
        },
      },
    },
  });
});

afterAll(() => cluster?.stop());

/** A new autoscaler looks at once, and not only after 15 seconds. */
const createAutoscaler = async (
  name: string,
  spec: Partial<HorizontalPodAutoscaler['spec']>,
): Promise<HorizontalPodAutoscaler> =>
  admin.create(horizontalpodautoscalers, {
    ...{ apiVersion: 'autoscaling/v2', kind: 'HorizontalPodAutoscaler', metadata: { name, namespace } },
    spec: {
      ...{ scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'web' }, maxReplicas: 10 },
      metrics: [
        {
          type: 'Resource',
          resource: { name: 'memory', target: { type: 'Utilization', averageUtilization: 50 } },
        },
      ],
      ...spec,
    },
  });

const untilConditions = (name: string, expected: readonly string[]): Promise<HorizontalPodAutoscaler> =>
  eventually(async () => {
    const autoscaler = await admin.get(horizontalpodautoscalers, { namespace, name });
    const conditions = (autoscaler.status?.conditions ?? []).map(
      ({ type, status, reason }) => `${type}=${status} ${reason}`,
    );
    expect(conditions).toEqual(expected);
    return autoscaler;
  });

const replicas = async (): Promise<number | undefined> =>
  (await admin.get(deployments, { namespace, name: 'web' })).spec.replicas;

describe('an autoscaler', () => {
  it('says that it cannot see its target', async () => {
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'nobody' };
    await createAutoscaler('blind', { scaleTargetRef });
    await untilConditions('blind', ['AbleToScale=False FailedGetScale']);
  });

  it('keeps its target within bounds, and says that it has no metrics', async () => {
    await createAutoscaler('bounds', { minReplicas: 2 });
    await eventually(async () => expect(await replicas()).toBe(2));
    const name = 'unmeasured';
    await createAutoscaler(name, { minReplicas: 2 });
    const { status } = await untilConditions(name, [
      'AbleToScale=True SucceededGetScale',
      'ScalingActive=False FailedGetResourceMetric',
    ]);
    expect(status?.conditions?.[1]?.message).toBe(
      'the HPA was unable to compute the replica count: failed to get memory utilization: unable to get metrics for resource memory: unable to fetch metrics from resource metrics API: the server could not find the requested resource (get pods.metrics.k8s.io)',
    );
    await eventually(async () => {
      const { items } = await admin.list(events, { namespace });
      const reasons = items.filter(({ involvedObject }) => involvedObject.name === name);
      expect(reasons.map(({ reason }) => reason)).toContain('FailedGetResourceMetric');
    });
  });

  it('grows its target with the load', async () => {
    // Nobody else grows it, and the controllers know of both pods.
    for (const name of ['bounds', 'unmeasured'])
      await admin.delete(horizontalpodautoscalers, { namespace, name });
    await eventually(async () => {
      const deployment = await admin.get(deployments, { namespace, name: 'web' });
      expect(deployment.status?.readyReplicas).toBe(2);
    });
    usage = '100Mi';
    await createAutoscaler('loaded', { minReplicas: 2 });
    // The status is written after the target.
    const { status } = await untilConditions('loaded', [
      'AbleToScale=True SucceededRescale',
      'ScalingActive=True ValidMetricFound',
      'ScalingLimited=False DesiredWithinRange',
    ]);
    expect(await replicas()).toBe(4);
    expect(status).toMatchObject({
      ...{ currentReplicas: 2, desiredReplicas: 4, lastScaleTime: expect.any(String) },
      currentMetrics: [
        { type: 'Resource', resource: { name: 'memory', current: { averageUtilization: 100 } } },
      ],
    });
  });
});
