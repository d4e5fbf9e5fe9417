/** Renewals of nodes' Leases in bulk, through two API servers on one etcd. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import { leases } from '../../api/generated/resources.ts';
import { loadAnnotation } from '../../api/node-load.ts';
import { isConflict } from '../../api/status-error.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import { toMicroTime } from '../../base/clock.ts';
import type { ApiClient } from '../../client/client.ts';
import { startApiServer, type TestApiServer, testLogger } from '../support/api-server.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { eventually } from '../support/eventually.ts';

const namespace = 'kube-node-lease';
const path = '/apis/coracle.dev/v1/bulkrenewals';
const startMs = Date.parse('2026-11-22T12:00:00Z');
const timeAt = (seconds: number): string => toMicroTime(startMs + seconds * 1_000);

let etcd: EtcdProcess;
const servers: TestApiServer[] = [];
let admin: ApiClient;
/** Of everything, through the second server. */
let others: ApiClient;
let detectors: readonly [ApiClient, ApiClient];

beforeAll(async () => {
  etcd = await EtcdProcess.start();
  for (const node of ['host-1', 'host-2'])
    servers.push(
      await startApiServer([node], new EtcdStorage({ endpoints: [etcd.url], logger: testLogger })),
    );
  const [first, second] = servers as [TestApiServer, TestApiServer];
  admin = await first.clientAs('admin');
  others = await second.clientAs('admin');
  detectors = [await first.clientAs('detector'), await second.clientAs('detector')];
});
afterAll(async () => {
  for (const server of servers) await server.stop();
  await etcd.stop();
});

const create = (name: string): Promise<Lease> =>
  admin.create(leases, {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...{ name, namespace, labels: { renewTime: 'of-a-label', spec: 'x' } },
      annotations: { note: '"spec":{"renewTime":"\\u0041' },
      ownerReferences: [{ apiVersion: 'v1', kind: 'Node', name, uid: `uid-of-${name}` }],
    },
    spec: { holderIdentity: name, leaseDurationSeconds: 40, renewTime: timeAt(0) },
  });

interface Item {
  readonly name: string;
  readonly holderIdentity: string;
  readonly renewTime: string;
  readonly annotations?: unknown;
}
const itemOf = (name: string, seconds: number): Item => ({
  ...{ name, holderIdentity: name, renewTime: timeAt(seconds) },
});

interface Result {
  readonly code: number;
  readonly reason?: string;
  readonly message?: string;
}
const post = (client: ApiClient, body: unknown) =>
  client.request({
    ...{ method: 'POST', path, headers: { 'content-type': 'application/json' } },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

async function renew(client: ApiClient, items: readonly unknown[]): Promise<readonly Result[]> {
  const { status, body } = await post(client, { items });
  const answer = JSON.parse(body.toString());
  expect({ status, kind: answer.kind, apiVersion: answer.apiVersion }).toEqual({
    ...{ status: 200, kind: 'BulkRenewalResult', apiVersion: 'coracle.dev/v1' },
  });
  return answer.results;
}

const codes = (results: readonly Result[]): number[] => results.map(({ code }) => code);
const read = (name: string): Promise<Lease> => admin.get(leases, { namespace, name });

/** All that is written to Leases whose names begin with `prefix`, from the return of this call on. */
async function follow(client: ApiClient, prefix: string) {
  const abort = new AbortController();
  const seen: Lease[] = [];
  const { resourceVersion } = await client.list(leases, { namespace });
  const watching = (async () => {
    const request = { namespace, resourceVersion };
    for await (const event of client.watch(leases, request, abort.signal))
      if (event.type === 'MODIFIED' && event.object.metadata.name.startsWith(prefix)) seen.push(event.object);
  })();
  const stop = (): Promise<void> => {
    abort.abort();
    return watching;
  };
  return { seen, stop };
}

describe('renewals in bulk', () => {
  it('renew a thousand Leases, each shown once by a watch, and change nothing else of them', async () => {
    const names = Array.from({ length: 1_000 }, (_, i) => `many-${i}`);
    const before = new Map<string, Lease>();
    for (const lease of await Promise.all(names.map(create))) before.set(lease.metadata.name, lease);
    const { seen, stop } = await follow(others, 'many-');
    const load = '{"cpu":"250m","memory":"1Gi","note":"ü \\" "}';
    for (const [round, told] of [load, `${load} `, undefined].entries()) {
      const annotations = told === undefined ? {} : { annotations: { [loadAnnotation]: told } };
      const items = names.map((name) => ({ ...itemOf(name, round + 1), ...annotations }));
      expect(new Set(codes(await renew(detectors[0], items)))).toEqual(new Set([200]));
    }
    await eventually(() => expect(seen).toHaveLength(3_000));
    await stop();
    const rounds = [seen.slice(0, 1_000), seen.slice(1_000, 2_000), seen.slice(2_000)];
    for (const [round, shown] of rounds.entries()) {
      expect(new Set(shown.map(({ metadata }) => metadata.name)).size).toBe(1_000);
      for (const lease of shown) {
        const old = before.get(lease.metadata.name) as Lease;
        const annotations = {
          ...old.metadata.annotations,
          [loadAnnotation]: round === 0 ? load : `${load} `,
        };
        expect(lease).toEqual({
          ...{ ...old, spec: { ...old.spec, renewTime: timeAt(round + 1) } },
          metadata: { ...old.metadata, annotations, resourceVersion: lease.metadata.resourceVersion },
        });
      }
    }
    const last = seen.at(-1) as Lease;
    expect(await read(last.metadata.name)).toEqual(last);
    // Those who read the store anew see the same bytes as those who followed it.
    const fresh = await detectors[1].list(leases, { namespace });
    expect(fresh.items.find(({ metadata }) => metadata.name === last.metadata.name)).toEqual(last);
  });

  it('lose no change that somebody else makes meanwhile, whichever server it comes through', async () => {
    const names = Array.from({ length: 40 }, (_, i) => `raced-${i}`);
    await Promise.all(names.map(create));
    const rounds = 6;
    const label = async (name: string, round: number): Promise<void> => {
      for (;;) {
        const lease = await others.get(leases, { namespace, name });
        const labels = { ...lease.metadata.labels, [`round-${round}`]: 'there' };
        try {
          await others.update(leases, { ...lease, metadata: { ...lease.metadata, labels } });
          return;
        } catch (error) {
          if (!isConflict(error)) throw error;
        }
      }
    };
    const renewAll = async (client: ApiClient, seconds: number): Promise<void> => {
      for (let open = names; open.length > 0; ) {
        const results = await renew(
          client,
          open.map((name) => itemOf(name, seconds)),
        );
        for (const { code } of results) expect([200, 409]).toContain(code);
        open = open.filter((_, at) => results[at]?.code !== 200);
      }
    };
    for (let round = 1; round <= rounds; round += 1)
      await Promise.all([
        renewAll(detectors[0], round * 2),
        renewAll(detectors[1], round * 2 + 1),
        ...names.map((name) => label(name, round)),
      ]);
    for (const name of names) {
      const { metadata, spec } = await read(name);
      expect(Object.keys(metadata.labels ?? {}).filter((key) => key.startsWith('round-'))).toHaveLength(
        rounds,
      );
      expect(spec.renewTime, name).toBe(timeAt(rounds * 2 + 1));
    }
  });

  it('say of each what the single renewal would, and let none fail another', async () => {
    await Promise.all(['kept', 'taken', 'gone', 'fine'].map(create));
    const taken = await read('taken');
    await admin.update(leases, { ...taken, spec: { ...taken.spec, holderIdentity: 'thief' } });
    const old = await read('kept');
    await admin.delete(leases, { namespace, name: 'gone' });
    const results = await renew(detectors[1], [
      itemOf('kept', 0),
      itemOf('kept', -5),
      itemOf('taken', 5),
      itemOf('gone', 5),
      itemOf('never-there', 5),
      { ...itemOf('fine', 5), renewTime: 'yesterday' },
      { ...itemOf('fine', 5), annotations: { other: 'x' } },
      { ...itemOf('fine', 5), annotations: { [loadAnnotation]: 'x'.repeat(5_000) } },
      { ...itemOf('fine', 5), annotations: { [loadAnnotation]: 7 } },
      { ...itemOf('fine', 6), annotations: 'x' },
      { ...itemOf('fine', 6), renewTime: '2026-11-22T13:00:07.5+01:00' },
      itemOf('fine', 6),
    ]);
    expect(codes(results)).toEqual([200, 200, 409, 404, 404, 422, 422, 422, 422, 422, 200, 200]);
    expect(results[2]).toMatchObject({ reason: 'Conflict', message: expect.stringContaining('"thief"') });
    expect(results[3]).toMatchObject({ reason: 'NotFound', message: expect.stringContaining('"gone"') });
    expect(results[5]).toMatchObject({ reason: 'Invalid', message: expect.stringContaining('yesterday') });
    expect(await read('kept')).toEqual(old);
    expect((await read('fine')).spec.renewTime).toBe(timeAt(7.5));
    expect((await read('taken')).spec.renewTime).toBe(timeAt(0));
  });

  it('are refused as a whole when they are no list of at most a thousand items', async () => {
    const { name, ...nameless } = itemOf('x', 1);
    const bodies: readonly (readonly [body: unknown, message: string])[] = [
      ['{', 'bulk renewal: '],
      [{}, 'items: must be a list'],
      [{ items: [nameless] }, `items[0].${'name'}: Required value`],
      [{ items: [{ ...nameless, name, renewTime: 5 }] }, 'items[0].renewTime: Required value'],
      [{ items: Array(1_001).fill(itemOf('x', 1)) }, 'at most 1000 items'],
    ];
    for (const [body, message] of bodies) {
      const answer = await post(detectors[0], body);
      expect(answer.status).toBe(400);
      expect(JSON.parse(answer.body.toString()).message).toContain(message);
    }
    expect(await renew(detectors[0], [])).toEqual([]);
  });

  it('are the right of the detector, are discovered, and do not queue with the requests of nodes', async () => {
    const [server] = servers as [TestApiServer];
    for (const user of ['scheduler', 'controllers', 'host-1'])
      expect((await post(await server.clientAs(user), { items: [] })).status, user).toBe(403);
    const { body } = await admin.request({ method: 'GET', path: '/apis/coracle.dev/v1' });
    expect(JSON.parse(body.toString()).resources).toContainEqual(
      expect.objectContaining({ name: 'bulkrenewals', kind: 'BulkRenewal', verbs: ['create'] }),
    );
    await post(detectors[0], { items: [] });
    const metrics = await admin.request({ method: 'GET', path: '/metrics' });
    expect(metrics.body.toString()).toMatch(
      /flowcontrol_dispatched_requests_total\{[^}]*flow_schema="system-leader-election"[^}]*\} [1-9]/,
    );
  });
});
