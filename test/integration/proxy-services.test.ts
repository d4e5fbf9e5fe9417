import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import {
  aService,
  aSlice,
  hostOf,
  inNetns,
  startTestHosts,
  type TestHosts,
  type TestPod,
} from '../support/network-hosts.ts';
import { ask, askUdp, Servers, serversSeen } from '../support/network-traffic.ts';

let hosts: TestHosts;
let pods: { readonly a: TestPod; readonly b: TestPod; readonly c: TestPod };
const servers = new Servers();

const host = (n: number): ReturnType<typeof hostOf> => hostOf(hosts, n);

const onAll = (): { ip: string; node: string }[] => [
  { ip: pods.a.ip, node: 'host-1' },
  { ip: pods.b.ip, node: 'host-1' },
  { ip: pods.c.ip, node: 'host-2' },
];

beforeAll(async () => {
  hosts = await startTestHosts(2);
  pods = { a: await host(0).addPod('a'), b: await host(0).addPod('b'), c: await host(1).addPod('c') };
  for (const [name, pod] of Object.entries(pods)) {
    servers.serve(pod.netns, 8080, name);
    servers.serve(pod.netns, 8053, name, 'udp');
  }
  for (const pod of Object.values(pods))
    await eventually(async () => expect((await ask(pod.netns, pod.ip, 8080)).kind).toBe('answer'));
});

afterAll(async () => {
  servers.stop();
  await hosts?.[Symbol.asyncDispose]();
});

test('a cluster address reaches every endpoint, from pods and from nodes', async () => {
  hosts.state.services.put(aService('web', '10.96.1.1'));
  hosts.state.endpointSlices.put(aSlice('web', onAll()));
  await eventually(async () =>
    expect(await serversSeen(pods.a.netns, '10.96.1.1', 80, 24)).toEqual(['a', 'b', 'c']),
  );
  await eventually(async () =>
    expect(await serversSeen(host(1).netns, '10.96.1.1', 80, 24)).toEqual(['a', 'b', 'c']),
  );
});

test('a pod reaches itself by its own service', async () => {
  hosts.state.services.put(aService('self', '10.96.1.2'));
  hosts.state.endpointSlices.put(aSlice('self', [{ ip: pods.a.ip, node: 'host-1' }]));
  await eventually(async () => expect(await serversSeen(pods.a.netns, '10.96.1.2', 80, 2)).toEqual(['a']));
});

test('a load balancer answers on every node, with any number of replicas, and refuses with none', async () => {
  const service = aService('nginx', '10.96.1.3', {
    type: 'LoadBalancer',
    ports: [{ port: 80, name: 'http', nodePort: 30080 }],
  });
  hosts.state.services.put(service);
  hosts.state.endpointSlices.put(aSlice('nginx', [{ ip: pods.c.ip, node: 'host-2' }]));
  for (const node of hosts.hosts)
    for (const port of [80, 30080]) {
      await eventually(async () => expect(await serversSeen(hosts.outside, node.ip, port, 2)).toEqual(['c']));
      expect(await serversSeen(node.netns, node.ip, port, 2)).toEqual(['c']);
    }
  hosts.state.endpointSlices.put(aSlice('nginx', []));
  for (const node of hosts.hosts)
    for (const port of [80, 30080])
      await eventually(async () => {
        const outcome = await ask(hosts.outside, node.ip, port);
        expect(outcome.kind === 'refused' && outcome.tookMs < 500).toBe(true);
      });
  expect((await ask(pods.a.netns, '10.96.1.3', 80)).kind).toBe('refused');
  expect((await ask(host(0).netns, '10.96.1.3', 80)).kind).toBe('refused');
  hosts.state.endpointSlices.put(aSlice('nginx', onAll()));
  await eventually(async () =>
    expect(await serversSeen(hosts.outside, host(0).ip, 80, 24)).toEqual(['a', 'b', 'c']),
  );
  hosts.state.services.drop(service);
  await eventually(async () => expect((await ask(hosts.outside, host(0).ip, 80)).kind).toBe('refused'));
});

test('the source address of an outside client is kept on the way to a local endpoint', async () => {
  hosts.state.services.put(
    aService('local', '10.96.1.4', {
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, name: 'http', nodePort: 30081 }],
    }),
  );
  hosts.state.endpointSlices.put(aSlice('local', onAll()));
  await eventually(async () =>
    expect(await ask(hosts.outside, host(1).ip, 30081)).toEqual({
      kind: 'answer',
      server: 'c',
      peer: '172.30.0.250',
    }),
  );
  expect(await serversSeen(hosts.outside, host(0).ip, 30081)).toEqual(['a', 'b']);
  hosts.state.endpointSlices.put(aSlice('local', [{ ip: pods.c.ip, node: 'host-2' }]));
  await eventually(async () => expect((await ask(hosts.outside, host(0).ip, 30081)).kind).toBe('silent'));
  expect(await serversSeen(host(0).netns, host(0).ip, 30081, 2)).toEqual(['c']);
});

test('an internal policy of Local keeps to the node', async () => {
  hosts.state.services.put(aService('near', '10.96.1.5', { internalTrafficPolicy: 'Local' }));
  hosts.state.endpointSlices.put(aSlice('near', onAll()));
  await eventually(async () => expect(await serversSeen(pods.c.netns, '10.96.1.5', 80)).toEqual(['c']));
  await eventually(async () => expect(await serversSeen(pods.a.netns, '10.96.1.5', 80)).toEqual(['a', 'b']));
});

test('an external address is answered', async () => {
  hosts.state.services.put(aService('ext', '10.96.1.6', { externalIPs: ['198.51.100.7'] }));
  hosts.state.endpointSlices.put(aSlice('ext', [{ ip: pods.c.ip, node: 'host-2' }]));
  await eventually(async () => expect(await serversSeen(pods.a.netns, '198.51.100.7', 80, 2)).toEqual(['c']));
});

test('an address of the service range without a service is refused', async () => {
  expect((await ask(pods.a.netns, '10.96.77.77', 80)).kind).toBe('refused');
});

test('terminating endpoints serve on when no other is there', async () => {
  hosts.state.services.put(aService('ending', '10.96.1.7'));
  const ending = { ready: false, serving: true, terminating: true };
  hosts.state.endpointSlices.put(
    aSlice('ending', [
      { ip: pods.a.ip, node: 'host-1', conditions: ending },
      { ip: pods.c.ip, node: 'host-2' },
    ]),
  );
  await eventually(async () => expect(await serversSeen(pods.b.netns, '10.96.1.7', 80)).toEqual(['c']));
  hosts.state.endpointSlices.put(aSlice('ending', [{ ip: pods.a.ip, node: 'host-1', conditions: ending }]));
  await eventually(async () => expect(await serversSeen(pods.b.netns, '10.96.1.7', 80)).toEqual(['a']));
});

test('ClientIP affinity keeps a client at its endpoint, also when others come, until that one goes', async () => {
  hosts.state.services.put(aService('sticky', '10.96.1.8', { sessionAffinity: 'ClientIP' }));
  hosts.state.endpointSlices.put(aSlice('sticky', onAll()));
  const first = await eventually(async () => {
    const seen = await serversSeen(pods.b.netns, '10.96.1.8', 80, 1);
    expect(['a', 'b', 'c']).toContain(seen[0]);
    return seen;
  });
  expect(await serversSeen(pods.b.netns, '10.96.1.8', 80)).toEqual(first);
  const others = onAll().filter(({ ip }) => ip !== pods[first[0] as 'a' | 'b' | 'c'].ip);
  hosts.state.endpointSlices.put(aSlice('sticky', others));
  const second = await eventually(async () => {
    const seen = await serversSeen(pods.b.netns, '10.96.1.8', 80, 1);
    expect(seen).not.toEqual(first);
    return seen;
  });
  hosts.state.endpointSlices.put(aSlice('sticky', onAll()));
  expect(await serversSeen(pods.b.netns, '10.96.1.8', 80)).toEqual(second);
});

describe('UDP', () => {
  const ports = [{ port: 53, name: 'dns', protocol: 'UDP' }];
  const slicePort = { name: 'dns', port: 8053, protocol: 'UDP' };

  test('a client with one source port moves to another endpoint when its own goes', async () => {
    hosts.state.services.put(aService('udp', '10.96.1.9', { ports }));
    hosts.state.endpointSlices.put(aSlice('udp', [{ ip: pods.b.ip, node: 'host-1' }], slicePort));
    await eventually(async () => expect(await askUdp(pods.a.netns, '10.96.1.9', 53, 4000)).toContain('b '));
    hosts.state.endpointSlices.put(aSlice('udp', [{ ip: pods.c.ip, node: 'host-2' }], slicePort));
    await eventually(async () => expect(await askUdp(pods.a.netns, '10.96.1.9', 53, 4000)).toContain('c '));
  });
});

test('connections to a dead endpoint are cut, those to a draining one stay', async () => {
  hosts.state.services.put(aService('cut', '10.96.1.10'));
  const tracked = (): Promise<string> =>
    inNetns(host(0).netns, 'conntrack', '-L', '-p', 'tcp', '--orig-dst', '10.96.1.10');
  const victim = await host(1).addPod('victim');
  servers.serve(victim.netns, 8080, 'victim');
  hosts.state.endpointSlices.put(aSlice('cut', [{ ip: victim.ip, node: 'host-2' }]));
  await eventually(async () =>
    expect(await serversSeen(pods.a.netns, '10.96.1.10', 80, 1)).toEqual(['victim']),
  );
  const draining = { ready: false, serving: true, terminating: true };
  hosts.state.endpointSlices.put(
    aSlice('cut', [
      { ip: victim.ip, node: 'host-2', conditions: draining },
      { ip: pods.c.ip, node: 'host-2' },
    ]),
  );
  await eventually(async () => expect(await serversSeen(pods.a.netns, '10.96.1.10', 80, 1)).toEqual(['c']));
  expect(await tracked()).toContain(`src=${victim.ip}`);
  hosts.state.endpointSlices.put(aSlice('cut', [{ ip: pods.c.ip, node: 'host-2' }]));
  await eventually(async () => expect(await tracked()).not.toContain(`src=${victim.ip}`));
});

test('connections to endpoints of an unreachable node are cut', async () => {
  hosts.state.services.put(aService('lost', '10.96.1.11'));
  hosts.state.endpointSlices.put(aSlice('lost', [{ ip: pods.c.ip, node: 'host-2' }]));
  await eventually(async () => expect(await serversSeen(pods.a.netns, '10.96.1.11', 80, 1)).toEqual(['c']));
  const tracked = (): Promise<string> =>
    inNetns(host(0).netns, 'conntrack', '-L', '-p', 'tcp', '--orig-dst', '10.96.1.11');
  expect(await tracked()).toContain(`src=${pods.c.ip}`);
  hosts.state.endpointSlices.put(
    aSlice('lost', [{ ip: pods.c.ip, node: 'host-2', conditions: { ready: false } }]),
  );
  for (const name of ['lost', 'web', 'ext', 'cut', 'sticky', 'nginx', 'local', 'near', 'ending'])
    hosts.state.endpointSlices.put(
      aSlice(name, [{ ip: pods.c.ip, node: 'host-2', conditions: { ready: false } }]),
    );
  const node = hosts.state.nodes.lister.get(undefined, 'host-2');
  if (node === undefined) throw new Error('host-2 is not there');
  hosts.state.nodes.put({
    ...node,
    spec: { ...node.spec, taints: [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }] },
  });
  await eventually(async () => expect(await tracked()).not.toContain(`src=${pods.c.ip}`));
  hosts.state.nodes.put(node);
});
