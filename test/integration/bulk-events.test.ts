/** Events in bulk: each is judged and stored as by a request of its own. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Event } from '../../api/generated/core-v1.ts';
import { clusterrolebindings, clusterroles, events, namespaces } from '../../api/generated/resources.ts';
import { StatusError } from '../../api/status-error.ts';
import type { ApiClient } from '../../client/client.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';

let server: TestApiServer;
let admin: ApiClient;
let node: ApiClient;

beforeAll(async () => {
  server = await startApiServer(['host-1']);
  admin = await server.clientAs('admin');
  node = await server.clientAs('host-1');
  await admin.create(namespaces, {
    ...{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'other' }, spec: {} },
  });
});
afterAll(() => server.stop());

type Draft = Omit<Event, 'metadata'> & { metadata: { name: string; namespace: string } };
const anEvent = (name: string, namespace = 'default', about = namespace): Draft => ({
  ...{ apiVersion: 'v1', kind: 'Event', metadata: { name, namespace } },
  involvedObject: { apiVersion: 'v1', kind: 'Pod', name: 'web', namespace: about, uid: 'u-1' },
  ...{ reason: 'Started', message: 'Started container web', type: 'Normal', count: 1 },
  ...{ source: { component: 'kubelet', host: 'host-1' }, reportingComponent: 'kubelet' },
});

interface Result {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
}

async function post(
  client: ApiClient,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<{ status: number; results: Result[] }> {
  const { status, body: answer } = await client.request({
    ...{ method: 'POST', path: '/apis/coracle.dev/v1/bulkevents' },
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status, results: JSON.parse(answer.toString()).results };
}
const postItems = (
  client: ApiClient,
  items: readonly unknown[],
  headers: Readonly<Record<string, string>> = {},
) => post(client, { apiVersion: 'v1', kind: 'EventList', items }, headers);

/** As a request of its own is answered. */
async function alone(client: ApiClient, event: Draft): Promise<Result> {
  try {
    await client.create(events, event);
    return { code: 201 };
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return { code: error.code, reason: error.reason, message: error.message };
  }
}

describe('bulk events', () => {
  it('stores each as its own request would', async () => {
    const { status, results } = await postItems(node, [anEvent('a'), anEvent('b', 'other')]);
    expect({ status, results }).toEqual({ status: 200, results: [{ code: 201 }, { code: 201 }] });
    const stored = await admin.get(events, { namespace: 'other', name: 'b' });
    await admin.create(events, anEvent('single', 'other'));
    const single = await admin.get(events, { namespace: 'other', name: 'single' });
    expect(Object.keys(stored).sort()).toEqual(Object.keys(single).sort());
    expect(Object.keys(stored.metadata).sort()).toEqual(Object.keys(single.metadata).sort());
    expect(stored.metadata.managedFields).toMatchObject([{ manager: 'test-host-1', operation: 'Update' }]);
  });

  it('answers for each what its own request would have been answered', async () => {
    await admin.create(events, anEvent('there'));
    const bad = [
      anEvent('there'),
      anEvent('Not a name'),
      anEvent('elsewhere', 'default', 'other'),
      anEvent('nowhere', 'no-such-namespace'),
    ];
    const { results } = await postItems(admin, [...bad, anEvent('good')]);
    expect(results.slice(0, bad.length)).toEqual(await Promise.all(bad.map((each) => alone(admin, each))));
    expect(results.at(-1)).toEqual({ code: 201 });
  });

  it('stores many in the order in which they came', async () => {
    const items = Array.from({ length: 120 }, (_, i) => anEvent(`many-${`${i}`.padStart(3, '0')}`, 'other'));
    const { results } = await postItems(node, items);
    expect(results.every(({ code }) => code === 201)).toBe(true);
    const stored = (await admin.list(events, { namespace: 'other' })).items
      .filter(({ metadata }) => metadata.name.startsWith('many-'))
      .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion));
    expect(stored.map(({ metadata }) => metadata.name)).toEqual(items.map(({ metadata }) => metadata.name));
  });

  it('refuses what is no list, too long a list, and whoever has no right to it', async () => {
    expect((await post(admin, { apiVersion: 'v1', kind: 'Event' })).status).toBe(400);
    expect((await post(admin, { items: 'x' })).status).toBe(400);
    const long = Array.from({ length: 1_001 }, () => ({}));
    expect((await postItems(admin, long)).status).toBe(400);
    // It may create events, but not in bulk.
    const detector = await server.clientAs('detector');
    expect((await postItems(detector, [anEvent('c')])).status).toBe(403);
  });

  it('lets nobody write where a request of its own would not be allowed', async () => {
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'bulk-only' };
    const rules = [{ apiGroups: ['coracle.dev'], resources: ['bulkevents'], verbs: ['create'] }];
    const kinds = { apiVersion: 'rbac.authorization.k8s.io/v1', metadata: { name: 'bulk-only' } } as const;
    await admin.create(clusterroles, { ...kinds, kind: 'ClusterRole', rules });
    await admin.create(clusterrolebindings, {
      ...{ ...kinds, kind: 'ClusterRoleBinding', roleRef },
      subjects: [{ apiGroup: roleRef.apiGroup, kind: 'User', name: 'stranger' }],
    });
    const items = [anEvent('d'), anEvent('e', 'other')];
    const { status, results } = await postItems(admin, items, { 'impersonate-user': 'stranger' });
    const refused = (namespace: string): Result => ({
      ...{ code: 403, reason: 'Forbidden' },
      message: `events is forbidden: User "stranger" cannot create resource "events" in API group "" in the namespace "${namespace}"`,
    });
    expect({ status, results }).toEqual({ status: 200, results: [refused('default'), refused('other')] });
  });
});
