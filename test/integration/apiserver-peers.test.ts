/** What nodes learn of one another, through a real server. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Node } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import { type Peer, peers } from '../../api/peer.ts';
import { isForbidden } from '../../api/status-error.ts';
import { systemClock } from '../../base/clock.ts';
import { systemRandom } from '../../base/random.ts';
import type { ApiClient, RawRequest } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { startApiServer, type TestApiServer, testLogger } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';

const path = '/apis/coracle.dev/v1/peers';
let server: TestApiServer;
let admin: ApiClient;
let node: ApiClient;

beforeAll(async () => {
  server = await startApiServer(['host-1', 'host-2']);
  admin = await server.clientAs('admin');
  node = await server.clientAs('host-1');
});
afterAll(() => server.stop());

const create = (name: string, address: string): Promise<Node> =>
  admin.create(nodes, {
    ...{ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} },
    status: {
      addresses: [
        { type: 'InternalIP', address },
        { type: 'Hostname', address: name },
      ],
    },
  });
const patch = (name: string, body: object, subresource?: string): Promise<Node> =>
  admin.patch(nodes, { name }, { type: 'merge', body }, { subresource });
const asked = async (request: Omit<RawRequest, 'method'> & Partial<RawRequest>) => {
  const { status, body } = await admin.request({ method: 'GET', ...request });
  return { status, body: JSON.parse(body.toString()) };
};

it('gives nodes the addresses, pod ranges and reach of all, and tells of nothing else', async () => {
  const seen: string[] = [];
  const tell = (what: string, { metadata, addresses = [], podCIDRs = [], unreachable }: Peer): void => {
    seen.push(
      `${what} ${metadata.name} ${addresses} ${podCIDRs}${unreachable === true ? ' unreachable' : ''}`,
    );
  };
  const common = { client: node, clock: systemClock, random: systemRandom, logger: testLogger };
  const informer = new Informer({ ...common, type: peers });
  informer.addHandler({
    onAdd: (peer) => tell('add', peer),
    onUpdate: (_previous, peer) => tell('update', peer),
    onDelete: (peer) => tell('delete', peer),
  });
  const stop = new AbortController();
  const { metadata } = await create('host-1', '192.0.2.1');
  const running = informer.run(stop.signal);
  await informer.whenSynced(stop.signal);
  expect(informer.lister.get(undefined, 'host-1')?.metadata.uid).toBe(metadata.uid);
  await create('host-2', '192.0.2.2');
  await patch('host-2', { spec: { podCIDR: '10.244.2.0/24', podCIDRs: ['10.244.2.0/24'] } });
  await patch('host-2', { metadata: { labels: { rack: '7' }, annotations: { note: 'x' } } });
  await patch('host-2', { status: { conditions: [] } }, 'status');
  await patch('host-2', { status: { addresses: [{ type: 'InternalIP', address: '192.0.2.22' }] } }, 'status');
  await patch('host-2', { spec: { taints: [{ key: 'coracle.dev/node-dead', effect: 'NoExecute' }] } });
  await admin.delete(nodes, { name: 'host-2' });
  await eventually(() => expect(seen.at(-1)).toContain('delete'));
  expect(seen).toEqual([
    'add host-1 192.0.2.1 ',
    'add host-2 192.0.2.2 ',
    'update host-2 192.0.2.2 10.244.2.0/24',
    'update host-2 192.0.2.22 10.244.2.0/24',
    'update host-2 192.0.2.22 10.244.2.0/24 unreachable',
    'delete host-2 192.0.2.22 10.244.2.0/24 unreachable',
  ]);
  stop.abort();
  await running;
});

it('is read as every resource is, and written by nobody', async () => {
  const { status, body } = await asked({ path });
  expect({ status, ...body }).toMatchObject({
    ...{ status: 200, kind: 'PeerList', apiVersion: 'coracle.dev/v1' },
    items: [{ metadata: { name: 'host-1' }, addresses: ['192.0.2.1'] }],
  });
  expect(body.items[0]).not.toHaveProperty('kind');
  expect((await asked({ path: `${path}/host-1` })).body).toMatchObject({
    kind: 'Peer',
    addresses: ['192.0.2.1'],
  });
  expect(await asked({ path: `${path}/host-9` })).toMatchObject({
    ...{ status: 404, body: { message: 'peers.coracle.dev "host-9" not found' } },
  });
  const accept = 'application/json;as=Table;v=v1;g=meta.k8s.io';
  const table = await asked({ path, headers: { accept } });
  expect(table.body.columnDefinitions.map(({ name }: { name: string }) => name)).toEqual([
    ...['Name', 'Addresses', 'PodCIDRs', 'Unreachable'],
  ]);
  expect(table.body.rows[0].cells).toEqual(['host-1', '192.0.2.1', '', false]);
  const watched = await admin.request({
    ...{ method: 'GET', headers: { accept } },
    path: `${path}?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan&timeoutSeconds=1`,
  });
  expect(watched.body.toString()).toContain('k8s.io/initial-events-end');
  const shown = (await asked({ path: '/apis/coracle.dev/v1' })).body.resources;
  expect(shown).toContainEqual(
    expect.objectContaining({ name: 'peers', namespaced: false, verbs: ['get', 'list', 'watch'] }),
  );
  for (const [method, at] of [
    ['POST', path],
    ['PUT', `${path}/host-1`],
    ['PATCH', `${path}/host-1`],
    ['DELETE', `${path}/host-1`],
    ['DELETE', path],
  ] as const)
    expect((await asked({ method, path: at, body: '{}' })).status, `${method} ${at}`).toBe(405);
});

it('is what a node sees of the others', async () => {
  await expect(node.list(nodes)).rejects.toSatisfy(isForbidden);
  expect((await node.list(nodes, { fieldSelector: 'metadata.name=host-1' })).items).toHaveLength(1);
  expect((await node.list(peers)).items).toHaveLength(1);
});
