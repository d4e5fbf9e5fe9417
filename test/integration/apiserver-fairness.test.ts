import { readFileSync } from 'node:fs';
import http2 from 'node:http2';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { flowschemas, leases, prioritylevelconfigurations } from '../../api/generated/resources.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { CertificateAuthority } from '../../deploy/pki.ts';
import { measureFairness, percentile } from '../bench/measure/fairness-bench.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';
import { bindEverywhere } from '../support/user-rights.ts';
import { root } from '../tidy/source-files.ts';

let etcd: EtcdProcess;
let server: ApiServerProcess;
let admin: ClosableApiClient;
/** More than wait in a flow's hand of queues and its seats. */
const hammerers = 400;
const rounds = 10;
const sessions: http2.ClientHttp2Session[] = [];

beforeAll(async () => {
  etcd = await EtcdProcess.start();
  server = await ApiServerProcess.start({ etcdServers: etcd.url });
  admin = await server.client('admin');
  for (const name of ['flood', 'jane']) await bindEverywhere(admin, { name, user: name, role: 'admin' });
});
afterAll(async () => {
  for (const session of sessions) session.destroy();
  await server.stop();
  await etcd.stop();
});

/** A connection as `user`, whose requests get their status. */
async function connectAs(
  user: string,
  organizations: readonly string[] = [],
): Promise<(method: string, path: string, body?: object) => Promise<Answer>> {
  const authority = await CertificateAuthority.open(join(server.directory, 'pki'));
  const { cert, key } = await authority.issue({ commonName: user, organizations });
  const ca = readFileSync(join(server.directory, 'pki', 'ca.crt'));
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { cert, key, ca });
  sessions.push(session);
  return (method, path, body) => ask(session, method, path, body);
}

interface Answer {
  readonly status: number;
  readonly headers: http2.IncomingHttpHeaders;
}

function ask(
  session: http2.ClientHttp2Session,
  method: string,
  path: string,
  body?: object,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
    const stream = session.request({ ':method': method, ':path': path, 'content-type': type });
    let answer: Answer | undefined;
    stream.once('response', (headers) => {
      answer = { status: Number(headers[':status']), headers };
    });
    stream.once('end', () => answer && resolve(answer));
    stream.once('error', reject);
    stream.resume();
    stream.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

const configMap = (name: string): object => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
});
const configMaps = '/api/v1/namespaces/default/configmaps';

test('the schemas and levels that Kubernetes proposes are there, and name what a request falls under', async () => {
  const [schemas, levels] = [await admin.list(flowschemas), await admin.list(prioritylevelconfigurations)];
  expect(levels.items.map(({ metadata }) => metadata.name)).toEqual(
    expect.arrayContaining(['exempt', 'catch-all', 'system', 'workload-low', 'global-default']),
  );
  const jane = await connectAs('jane');
  const { headers } = await jane('GET', configMaps);
  const schema = schemas.items.find(({ metadata }) => metadata.name === 'global-default');
  expect(headers['x-kubernetes-pf-flowschema-uid']).toBe(schema?.metadata.uid);
});

test('watches that are open hold no seats', async () => {
  const jane = await connectAs('jane');
  const [session] = sessions.slice(-1);
  const heads = Array.from({ length: 100 }, () => {
    const stream = session?.request({ ':path': `${configMaps}?watch=1` });
    return new Promise((resolve) => stream?.once('response', resolve));
  });
  await Promise.all(heads);
  expect((await jane('GET', configMaps)).status).toBe(200);
});

test('however long the store takes, all nodes can renew their Leases: waiting for it they hold no seats', async () => {
  const path = '/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases';
  const names = Array.from({ length: 100 }, (_, at) => `node-${at}`);
  const create = (name: string): Promise<unknown> =>
    admin.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name, namespace: 'kube-node-lease' },
      spec: {},
    });
  await Promise.all(names.map(create));
  const nodes = await Promise.all(names.map((name) => connectAs(`system:node:${name}`, ['system:nodes'])));
  etcd.signal('SIGSTOP');
  try {
    const renewals = nodes.map((node, at) =>
      node('PATCH', `${path}/${names[at]}`, { spec: { holderIdentity: names[at] } }),
    );
    await eventually(async () => {
      const metrics = await admin.request({ method: 'GET', path: '/metrics' });
      const text = metrics.body.toString();
      expect(text).toMatch(/flowcontrol_dispatched_requests_total\{priority_level="node-high".*\} 1\d\d$/m);
      expect(text).toMatch(/flowcontrol_current_executing_seats\{priority_level="node-high"\} 0$/m);
    });
    etcd.signal('SIGCONT');
    const answers = await Promise.all(renewals);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  } finally {
    etcd.signal('SIGCONT');
  }
});

test('a flood of one user delays neither another user nor the control plane', async () => {
  const flood = await connectAs('flood');
  const jane = await connectAs('jane');
  const statuses = new Map<number, number>();
  let isOver = false;
  let sent = 0;
  const hammer = async (): Promise<void> => {
    while (!isOver) {
      const { status } = await flood('POST', configMaps, configMap(`flood-${sent++}`));
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
  };
  const hammers = Array.from({ length: hammerers }, hammer);
  const others: number[] = [];
  const admins: number[] = [];
  for (let at = 0; at < rounds; at += 1) {
    others.push((await jane('POST', configMaps, configMap(`jane-${at}`))).status);
    admins.push((await admin.request({ method: 'GET', path: `${configMaps}/kube-root-ca.crt` })).status);
  }
  const served = statuses.get(201) ?? 0;
  isOver = true;
  await Promise.all(hammers);
  expect(others.every((status) => status === 201)).toBe(true);
  expect(admins).not.toContain(429);
  // More of them want to be served than there is room for, so that the flood meets its own queues.
  expect(statuses.get(429) ?? 0).toBeGreaterThan(0);
  // While jane was served so often, each of the others was served far less often.
  expect(served).toBeLessThan(rounds * hammerers);
});

test('500 connections of one user, half a core: others are answered ten times sooner than they', async () => {
  const program = join(root, 'apiserver/main.ts');
  const load = { connections: 500, streams: 0 };
  const run = { program, load, seconds: 3, warmUpSeconds: 2, periodUs: 10_000, fairness: true };
  const { hammered, hammeredMeanMs, latenciesMs, refusedOthers, planeRefusals } = await measureFairness(run);
  expect([refusedOthers, planeRefusals]).toEqual([0, 0]);
  // The load was one: it met its limits.
  expect(hammered['429']).toBeGreaterThan(0);
  expect(hammeredMeanMs).toBeGreaterThan(10 * percentile(latenciesMs, 0.5));
}, 120_000);
