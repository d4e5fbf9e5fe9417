import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import {
  aService,
  aSlice,
  hostOf,
  inNetns,
  ip,
  startTestHosts,
  type TestHosts,
  type TestPod,
} from '../support/network-hosts.ts';
import { ask, Servers, serversSeen } from '../support/network-traffic.ts';

let hosts: TestHosts;
let pods: { readonly a: TestPod; readonly b: TestPod; readonly c: TestPod };
const servers = new Servers();

const host = (n: number): ReturnType<typeof hostOf> => hostOf(hosts, n);

beforeAll(async () => {
  hosts = await startTestHosts(2);
  pods = {
    a: await host(0).addPod('a', 18080),
    b: await host(0).addPod('b'),
    c: await host(1).addPod('c'),
  };
  for (const [name, pod] of Object.entries(pods)) servers.serve(pod.netns, 8080, name);
  servers.serve(hosts.outside, 9000, 'outside');
  await eventually(async () => expect((await ask(pods.a.netns, pods.a.ip, 8080)).kind).toBe('answer'));
});

afterAll(async () => {
  servers.stop();
  await hosts?.[Symbol.asyncDispose]();
});

test('pods reach one another on a host and across hosts with their own addresses', async () => {
  await eventually(async () => {
    expect(await ask(pods.a.netns, pods.b.ip, 8080)).toEqual({
      kind: 'answer',
      server: 'b',
      peer: pods.a.ip,
    });
    expect(await ask(pods.a.netns, pods.c.ip, 8080)).toEqual({
      kind: 'answer',
      server: 'c',
      peer: pods.a.ip,
    });
    expect(await ask(pods.c.netns, pods.a.ip, 8080)).toEqual({
      kind: 'answer',
      server: 'a',
      peer: pods.c.ip,
    });
  });
});

test('a node reaches pods on both hosts', async () => {
  expect((await ask(host(0).netns, pods.a.ip, 8080)).kind).toBe('answer');
  expect((await ask(host(0).netns, pods.c.ip, 8080)).kind).toBe('answer');
});

test('what leaves the cluster carries the address of the node', async () => {
  expect(await ask(pods.c.netns, '172.30.0.250', 9000)).toEqual({
    kind: 'answer',
    server: 'outside',
    peer: host(1).ip,
  });
});

test('a host port answers on the node, and refuses a second pod', async () => {
  expect(await serversSeen(hosts.outside, host(0).ip, 18080, 2)).toEqual(['a']);
  await expect(host(0).addPod('again', 18080)).rejects.toMatchObject({ code: 'HOST_PORT_IN_USE' });
});

test('a host port answers on the loopback of the node', async () => {
  expect(await serversSeen(host(0).netns, '127.0.0.1', 18080, 2)).toEqual(['a']);
});

test('a second attach returns the same address', async () => {
  const { ips } = await host(0).network.podNetwork.attachPod({
    podUid: pods.b.netns,
    namespace: 'default',
    name: 'b',
    netnsPath: `/run/netns/${pods.b.netns}`,
    portMappings: [],
  });
  expect(ips).toEqual([pods.b.ip]);
});

test('a restarted agent keeps addresses, links and services', async () => {
  hosts.state.services.put(aService('kept', '10.96.9.9'));
  hosts.state.endpointSlices.put(aSlice('kept', [{ ip: pods.c.ip, node: 'host-2' }]));
  await eventually(async () => expect(await serversSeen(pods.a.netns, '10.96.9.9', 80, 1)).toEqual(['c']));
  const links = await ip('-n', host(0).netns, '-j', 'link');
  await host(0).restart();
  expect(await serversSeen(pods.a.netns, '10.96.9.9', 80, 1)).toEqual(['c']);
  expect(await serversSeen(hosts.outside, host(0).ip, 18080, 1)).toEqual(['a']);
  const indexes = (text: string): unknown =>
    (JSON.parse(text) as { ifindex: number; ifname: string }[]).map(({ ifindex, ifname }) => [
      ifindex,
      ifname,
    ]);
  expect(indexes(await ip('-n', host(0).netns, '-j', 'link'))).toEqual(indexes(links));
  const next = await host(0).addPod('next');
  expect([pods.a.ip, pods.b.ip]).not.toContain(next.ip);
});

test('what somebody takes away comes back', async () => {
  const { netns } = host(0);
  await ip('-n', netns, 'route', 'del', '10.244.2.0/24');
  await inNetns(netns, 'nft', 'delete', 'table', 'ip', 'coracle');
  await inNetns(netns, 'nft', 'delete', 'table', 'ip', 'coracle_pods');
  await host(0).restart();
  await eventually(async () => {
    expect((await ask(pods.a.netns, pods.c.ip, 8080)).kind).toBe('answer');
    expect(await serversSeen(hosts.outside, host(0).ip, 18080, 1)).toEqual(['a']);
  });
});

test('a detached pod frees its link, its address and its host port', async () => {
  const pod = await host(1).addPod('gone', 18081);
  await host(1).network.podNetwork.detachPod(pod.netns);
  await host(1).network.podNetwork.detachPod(pod.netns);
  const again = await host(1).addPod('gone2', 18081);
  expect(again.ip).not.toBe(pod.ip);
  expect(await ip('-n', pod.netns, '-j', 'link', 'show')).not.toContain('eth0');
});

test('a node that joins and leaves gets and loses its route', async () => {
  const routes = (): Promise<string> => ip('-n', host(0).netns, 'route', 'show');
  const node = hosts.state.nodes.lister.get(undefined, 'host-2');
  if (node === undefined) throw new Error('host-2 is not there');
  const third = {
    ...node,
    metadata: { ...node.metadata, name: 'host-3', uid: 'node-3' },
    spec: { podCIDR: '10.244.3.0/24' },
    status: { addresses: [{ type: 'InternalIP', address: '172.30.0.3' }] },
  };
  hosts.state.nodes.put(third);
  await eventually(async () =>
    expect(await routes()).toContain('10.244.3.0/24 via 10.244.3.0 dev crcvx onlink'),
  );
  hosts.state.nodes.drop(third);
  await eventually(async () => expect(await routes()).not.toContain('10.244.3.0/24'));
});
