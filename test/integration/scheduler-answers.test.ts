import { readFileSync, writeFileSync } from 'node:fs';
import { request as httpsRequest } from 'node:https';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { leases, pods, rolebindings, roles } from '../../api/generated/resources.ts';
import type { PodPlacement } from '../../scheduler/answers/placement-answers.ts';
import { eventually } from '../support/eventually.ts';
import { runKubectlLite } from '../support/kubectl-lite.ts';
import { SchedulerCluster } from '../support/scheduler-cluster.ts';
import { aPod, type PodDraft } from '../support/scheduling-objects.ts';

let cluster: SchedulerCluster;

beforeAll(async () => {
  cluster = await SchedulerCluster.withoutScheduler();
  await cluster.addScheduler({ identity: 'one', placement: cluster.placement });
  await cluster.addNode({ name: 'small', cpu: '1' });
  await cluster.addNode({ name: 'large', cpu: '4' });
  await cluster.addNode({ name: 'cordoned', unschedulable: true });
});
afterAll(() => cluster.stop());

/** Nodes come on another watch than pods: the first answer may be about fewer of them. */
const pendingOnAll = (name: string): Promise<void> =>
  eventually(() => expect(cluster.condition(name, 'PodScheduled')?.message).toContain('0/3 nodes'));

const path = (name: string): string => `/api/v1/namespaces/default/pods/${name}/placement`;

interface Raw {
  readonly status: number;
  readonly body: { readonly message: string } & PodPlacement;
}

async function placement(name: string, user = 'admin'): Promise<Raw> {
  const client = await cluster.server.client(user, { failFast: true });
  const { status, body } = await client.request({ method: 'GET', path: path(name) });
  return { status, body: JSON.parse(body.toString()) as Raw['body'] };
}

interface DryRun {
  readonly nodeName: string | undefined;
  readonly warning: string | undefined;
  readonly tookMs: number;
}

async function dryRun(draft: PodDraft): Promise<DryRun> {
  const client = await cluster.server.client('admin', { failFast: true });
  const { metadata, ...pod } = aPod(draft);
  const startMs = performance.now();
  const response = await client.request({
    ...{ method: 'POST', path: '/api/v1/namespaces/default/pods?dryRun=All' },
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ ...pod, metadata: { name: metadata.name, labels: metadata.labels } }),
  });
  expect(response.status, response.body.toString()).toBe(201);
  const made = JSON.parse(response.body.toString()) as Pod;
  const { warning } = response.headers;
  const text = Array.isArray(warning) ? warning.join() : warning;
  return { nodeName: made.spec.nodeName, warning: text, tookMs: performance.now() - startMs };
}

test('a pending pod has the words of its event, the nodes in groups, and what would help', async () => {
  await cluster.addPod({ name: 'big', cpu: '8' });
  await pendingOnAll('big');
  const { status, body } = await placement('big');
  expect(status).toBe(200);
  expect(body).toMatchObject({ kind: 'PodPlacement', state: 'Unschedulable', nodeCount: 3 });
  expect(body.message).toBe(cluster.condition('big', 'PodScheduled')?.message);
  expect(body.refusals.map(({ plugin, nodes }) => [plugin, nodes])).toEqual([
    ['NodeResourcesFit', ['large', 'small']],
    ['NodeUnschedulable', ['cordoned']],
  ]);
  expect(body.refusals[0]?.nearest).toMatchObject({
    node: 'large',
    shortfalls: [{ resource: 'cpu', needed: 8_000, free: 4_000 }],
  });
  const { out } = await runKubectlLite(cluster.server.kubeconfig('admin'), ['why', 'big']);
  expect(body.text).toBe(out);
  await cluster.removeEnded('big');
});

test('a placed pod has the points of the nodes that would take it', async () => {
  await cluster.addPod({ name: 'placed', cpu: '2' });
  await eventually(() => expect(cluster.nodeOf('placed')).toBe('large'));
  const { body } = await placement('placed');
  expect(body).toMatchObject({ state: 'Placed', nodeName: 'large', message: 'is on large' });
  expect(body.nodes[0]).toMatchObject({ node: 'large', fits: true });
  // Asking has moved nothing: what is asked twice is answered alike.
  expect((await placement('placed')).body).toEqual(body);
  await cluster.removeEnded('placed');
});

test('who may get pods/placement gets it, others do not; what is not there is not found', async () => {
  expect((await placement('nobody')).status).toBe(404);
  expect((await placement('nobody', 'detector')).status).toBe(403);
});

test('why asks the scheduler for whoever may not look at nodes', async () => {
  const metadata = { name: 'asker', namespace: 'default' };
  const apiGroup = 'rbac.authorization.k8s.io';
  await cluster.client.create(roles, {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'Role', metadata },
    rules: [{ apiGroups: [''], resources: ['pods', 'pods/placement'], verbs: ['get'] }],
  });
  await cluster.client.create(rolebindings, {
    ...{ apiVersion: 'rbac.authorization.k8s.io/v1', kind: 'RoleBinding', metadata },
    roleRef: { apiGroup, kind: 'Role', name: 'asker' },
    subjects: [{ kind: 'User', apiGroup, name: 'coracle:detector' }],
  });
  await cluster.addPod({ name: 'mine', cpu: '8' });
  await pendingOnAll('mine');
  const asAdmin = await runKubectlLite(cluster.server.kubeconfig('admin'), ['why', 'mine']);
  const asUser = await runKubectlLite(cluster.server.kubeconfig('detector'), ['why', 'mine']);
  expect([asUser.code, asUser.out]).toEqual([0, asAdmin.out]);
  await cluster.removeEnded('mine');
});

test('a dry run answers with the node, or with why there is none, and stores nothing', async () => {
  expect(await dryRun({ name: 'dry', cpu: '3' })).toMatchObject({ nodeName: 'large', warning: undefined });
  const { nodeName, warning } = await dryRun({ name: 'dry', cpu: '30' });
  expect(nodeName).toBeUndefined();
  expect(warning).toContain(
    'the pod would stay pending: 0/3 nodes are available: 1 node(s) were unschedulable',
  );
  // Not assumed either: the room is there for a real one, and for the next question.
  expect((await dryRun({ name: 'dry', cpu: '3' })).nodeName).toBe('large');
  expect((await cluster.client.list(pods, { namespace: 'default' })).items).toEqual([]);
});

test('kubectl-lite shows the node of a dry run', async () => {
  const file = join(cluster.server.directory, 'dry.json');
  const { metadata, ...pod } = aPod({ name: 'dry', cpu: '3' });
  writeFileSync(file, JSON.stringify({ ...pod, metadata: { name: metadata.name } }));
  const args = ['create', '-f', file, '--dry-run=server', '-o', 'yaml'];
  const { out } = await runKubectlLite(cluster.server.kubeconfig('admin'), args);
  expect(out).toContain('nodeName: large');
});

test('the scheduler answers API servers only', async () => {
  const lease = await cluster.client.get(leases, { namespace: 'kube-system', name: 'kube-scheduler' });
  const address = lease.metadata.annotations?.['coracle.dev/placement-address'] ?? '';
  const [host, port] = address.split(':');
  const pki = (file: string): string => readFileSync(join(cluster.server.directory, 'pki', file), 'utf8');
  const ask = (name: string | undefined): Promise<number | string> =>
    new Promise((resolve) => {
      const identity = name === undefined ? {} : { cert: pki(`${name}.crt`), key: pki(`${name}.key`) };
      const request = httpsRequest({
        ...{ host, port, path: '/outlook', method: 'POST', agent: false, ca: pki('ca.crt') },
        ...{ ...identity, servername: 'kube-scheduler.kube-system.svc' },
      });
      request.once('response', (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      request.once('error', () => resolve('refused'));
      request.end('{}');
    });
  expect(await ask(undefined)).toBe('refused');
  expect(await ask('controllers')).toBe(403);
  // No pod, but one who may ask.
  expect(await ask('front-proxy-client')).toBe(400);
});

test('without a scheduler placements are unavailable, and dry runs answer as before', async () => {
  await cluster.addPod({ name: 'asked', cpu: '8' });
  await cluster.stopSchedulers();
  // The API server learns by its watch that the Lease was given back.
  await eventually(async () => {
    const { status, body } = await placement('asked');
    expect(status).toBe(503);
    expect(body.message).toContain('no scheduler leads');
  });
  const { nodeName, warning } = await dryRun({ name: 'dry', cpu: '1' });
  expect([nodeName, warning]).toEqual([undefined, undefined]);
});
