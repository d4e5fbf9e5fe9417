import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  clusterrolebindings,
  clusterroles,
  namespaces,
  rolebindings,
} from '../../api/generated/resources.ts';
import { seededRandom } from '../../base/random.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { type AccessRow, type Person, parseAccessTable, wrongRows } from '../support/access-table.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { bindEverywhere } from '../support/user-rights.ts';

/** Written from Kubernetes' documentation of its default roles. */
const rows = parseAccessTable(readFileSync(join(import.meta.dirname, 'rbac-table.txt'), 'utf8'));
const rbac = 'rbac.authorization.k8s.io';
const account = (namespace: string, name: string): Person => ({
  user: `system:serviceaccount:${namespace}:${name}`,
  groups: [],
});
const plain = (user: string): Person => ({ user, groups: [] });

const people: ReadonlyMap<string, Person> = new Map<string, Person>([
  ['root', { user: 'root', groups: ['system:masters'] }],
  ['clusteradmin', plain('clusteradmin')],
  ['admin', plain('ann')],
  ['editor', plain('ed')],
  ['viewer', plain('vic')],
  ['nobody', plain('nobody')],
  ['anonymous', plain('system:anonymous')],
  ['account', account('team', 'default')],
  ['monitor', { user: 'prometheus', groups: ['system:monitoring'] }],
  ['scheduler', plain('system:kube-scheduler')],
  ['controllers', plain('system:kube-controller-manager')],
  ['proxy', plain('system:kube-proxy')],
  ['dns', account('kube-system', 'kube-dns')],
  ['detector', plain('coracle:detector')],
  ['node', { user: 'system:node:host-1', groups: ['system:nodes'] }],
  ['joining', { user: 'system:bootstrap:abcdef', groups: ['system:bootstrappers'] }],
  [
    'bootstrapper',
    {
      user: 'system:bootstrap:abcdef',
      groups: ['system:bootstrappers', 'system:bootstrappers:kubeadm:default-node-token'],
    },
  ],
  ['jobs', account('kube-system', 'job-controller')],
  ['autoscaler', account('kube-system', 'horizontal-pod-autoscaler')],
  ['collector', account('kube-system', 'generic-garbage-collector')],
  ['aggregator', account('kube-system', 'clusterrole-aggregation-controller')],
  ['signer', account('kube-system', 'bootstrap-signer')],
  ['cleaner', account('kube-system', 'token-cleaner')],
]);

let server: TestApiServer;
let client: ClosableApiClient;

async function bindIn(namespace: string, user: string, role: string): Promise<void> {
  await client.create(rolebindings, {
    ...{ apiVersion: `${rbac}/v1`, kind: 'RoleBinding', metadata: { name: `${user}-${role}`, namespace } },
    subjects: [{ kind: 'User', name: user, apiGroup: rbac }],
    roleRef: { kind: 'ClusterRole', name: role, apiGroup: rbac },
  });
}

beforeAll(async () => {
  server = await startApiServer(['host-1']);
  client = await server.clientAs('admin');
  for (const name of ['team', 'other'])
    await client.create(namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
  await bindIn('team', 'ann', 'admin');
  await bindIn('team', 'ed', 'edit');
  await bindIn('team', 'vic', 'view');
  await bindEverywhere(client, { name: 'boss', user: 'clusteradmin', role: 'cluster-admin' });
  const bound = rows.filter(({ who }) => ['admin', 'clusteradmin'].includes(who)).slice(0, 1);
  await eventually(async () => expect(await wrongRows(client, bound, people)).toEqual([]));
});
afterAll(() => server.stop());

test('the table is large enough, and at least a hundred rows of it are refusals', () => {
  expect(rows.length).toBeGreaterThanOrEqual(300);
  expect(rows.filter(({ allowed }) => !allowed).length).toBeGreaterThanOrEqual(100);
  expect(new Set(rows.map(({ line }) => line)).size).toBe(rows.length);
});

test('everybody may do what the default roles of Kubernetes say, and nothing else', async () => {
  expect(await wrongRows(client, rows, people)).toEqual([]);
});

/** A right that nobody should have: exactly what the row says is refused. */
async function plant(row: AccessRow, number: number): Promise<string> {
  const name = `hole-${number}`;
  const [group = '', resource = '', subresource] = row.what.split('/');
  const rule = row.what.startsWith('/')
    ? { verbs: [row.verb], nonResourceURLs: [row.what] }
    : {
        verbs: [row.verb],
        apiGroups: [group === 'core' ? '' : group],
        resources: [subresource === undefined ? resource : `${resource}/${subresource}`],
      };
  const metadata = { name };
  await client.create(clusterroles, {
    apiVersion: `${rbac}/v1`,
    kind: 'ClusterRole',
    metadata,
    rules: [rule],
  });
  await bindEverywhere(client, { name, user: people.get(row.who)?.user ?? '', role: name });
  return name;
}

const seed = Number(process.env['SEED'] ?? '2026');

test(`a hole planted at any of ten random rows is found (SEED=${seed})`, async () => {
  const random = seededRandom(seed);
  // A rule about paths opens no resource that a row names by its path.
  const refusals = rows.filter(({ allowed, what }) => !allowed && !what.startsWith('/api/'));
  const chosen = Array.from({ length: 10 }, () => refusals[Math.floor(random.next() * refusals.length)]);
  const found: number[] = [];
  for (const [number, row] of chosen.entries()) {
    if (row === undefined) throw new TypeError('no row was chosen');
    const name = await plant(row, number);
    found.push((await wrongRows(client, [row], people)).length);
    await client.delete(clusterrolebindings, { name });
    expect(await wrongRows(client, [row], people), row.line).toEqual([]);
  }
  expect(found).toEqual(Array.from({ length: 10 }, () => 1));
});
