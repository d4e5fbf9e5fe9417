import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Beat, decodeBeat, deriveBeatKey } from '../../base/beat.ts';
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

const execute = promisify(execFile);
const clusterKey = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const key = deriveBeatKey(clusterKey, 'host-1');
const root = join(import.meta.dirname, '../..');
let hosts: TestHosts;
let pod: TestPod;
let directory: string;
let guard: ChildProcess | undefined;
let upstream: ChildProcess | undefined;

const host = (): ReturnType<typeof hostOf> => hostOf(hosts, 0);

async function startGuard(): Promise<void> {
  guard = spawn(
    'nsenter',
    [
      `--net=/run/netns/${host().netns}`,
      process.execPath,
      join(root, 'node-agent/guard/main.ts'),
      '--node-name=host-1',
      `--node-ip=${host().ip}`,
      `--run-dir=${host().runDir}`,
      `--state-dir=${join(directory, 'guard')}`,
      '--detector=172.30.0.250:10260',
      `--beat-key-file=${join(directory, 'beat.key')}`,
      `--resolv-conf=${join(directory, 'resolv.conf')}`,
    ],
    { stdio: 'ignore' },
  );
}

/** In the namespace of the machine outside, which every host reaches. */
const upstreamAddress = '172.30.0.250';

async function startUpstream(): Promise<void> {
  const program = join(root, 'test/support/dns-upstream.ts');
  const argv = [`--net=/run/netns/${hosts.outside}`, process.execPath, program, upstreamAddress];
  const child = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  upstream = child;
  await once(child.stdout, 'data');
}

interface DnsReply {
  readonly rcode: number;
  readonly isCut: boolean;
  readonly answers: readonly { readonly type: string; readonly name: string; readonly data: unknown }[];
  readonly authorities: readonly { readonly type: string }[];
  readonly medianUs: number;
}

async function resolve(
  name: string,
  type = 'A',
  count = 1,
  transport: 'udp' | 'tcp' = 'udp',
): Promise<DnsReply> {
  const client = join(root, 'test/support/dns-client.ts');
  const args = ['10.96.0.10', String(count), name, type, transport];
  const text = await inNetns(pod.netns, process.execPath, client, ...args);
  return JSON.parse(text) as DnsReply;
}

const addressesIn = ({ answers }: DnsReply): unknown[] =>
  answers.filter(({ type }) => type === 'A').map(({ data }) => data);

async function addressesOf(name: string): Promise<unknown[]> {
  return addressesIn(await resolve(name));
}

async function nextBeat(): Promise<Beat | undefined> {
  const argv = [
    `--net=/run/netns/${hosts.outside}`,
    'timeout',
    '3',
    'socat',
    '-u',
    'UDP-RECVFROM:10260',
    '-',
  ];
  const { stdout } = await execute('nsenter', argv, { encoding: 'buffer' });
  return decodeBeat(stdout, key);
}

beforeAll(async () => {
  hosts = await startTestHosts(1);
  directory = await mkdtemp(join(tmpdir(), 'guard-test-'));
  await writeFile(join(directory, 'beat.key'), key.toString('hex'));
  await writeFile(join(directory, 'resolv.conf'), 'nameserver 10.96.0.10\n');
  hosts.state.services.put(aService('web', '10.96.1.1'));
  hosts.state.endpointSlices.put(aSlice('web', [{ ip: '10.244.9.9' }]));
  pod = await host().addPod('client');
  await startGuard();
  await eventually(async () =>
    expect(await addressesOf('web.default.svc.cluster.local')).toEqual(['10.96.1.1']),
  );
});

afterAll(async () => {
  guard?.kill('SIGKILL');
  upstream?.kill('SIGKILL');
  await hosts?.[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

test('names of a service follow the service at once', async () => {
  const service = aService('other', '10.96.1.2');
  hosts.state.services.put(service);
  await eventually(async () =>
    expect(await addressesOf('OTHER.default.svc.Cluster.local')).toEqual(['10.96.1.2']),
  );
  hosts.state.services.drop(service);
  await eventually(async () => expect((await resolve('other.default.svc.cluster.local')).rcode).toBe(3));
});

test('SRV, PTR, headless and pod names are answered', async () => {
  expect((await resolve('_http._tcp.web.default.svc.cluster.local', 'SRV')).answers[0]?.data).toMatchObject({
    port: 80,
    target: 'web.default.svc.cluster.local',
  });
  expect((await resolve('1.1.96.10.in-addr.arpa', 'PTR')).answers[0]?.data).toBe(
    'web.default.svc.cluster.local',
  );
  expect(await addressesOf('10-244-1-7.default.pod.cluster.local')).toEqual(['10.244.1.7']);
  hosts.state.services.put(aService('db', 'None'));
  hosts.state.endpointSlices.put(
    aSlice('db', [{ ip: '10.244.1.50', hostname: 'db-0' }, { ip: '10.244.1.51' }]),
  );
  await eventually(async () =>
    expect((await addressesOf('db.default.svc.cluster.local')).sort()).toEqual([
      '10.244.1.50',
      '10.244.1.51',
    ]),
  );
  expect(await addressesOf('db-0.db.default.svc.cluster.local')).toEqual(['10.244.1.50']);
});

test('a name without a record of the type is an empty answer with an SOA, and no name outside is invented', async () => {
  const aaaa = await resolve('web.default.svc.cluster.local', 'AAAA');
  expect([aaaa.rcode, aaaa.answers.length, aaaa.authorities[0]?.type]).toEqual([0, 0, 'SOA']);
  expect((await resolve('web.default.svc.cluster.local.default.svc.cluster.local')).rcode).toBe(3);
  expect((await resolve('example.org')).rcode).toBe(2);
});

test('beats prove the node and carry the version of the data plane', async () => {
  hosts.state.endpointSlices.put(aSlice('web', [{ ip: '10.244.9.8' }]));
  const version = Number(hosts.state.endpointSlices.lastResourceVersion);
  await eventually(async () => expect((await nextBeat())?.dataPlaneVersion).toBe(version));
  const first = await nextBeat();
  const second = await nextBeat();
  expect((second?.sequence ?? 0) > (first?.sequence ?? 0)).toBe(true);
});

test('the guard has the Lease renewed when the agent asks, and does not without it', async () => {
  const load = { cpuMillis: 250, memoryBytes: 2 ** 33, pressure: { cpu: 0.4143, memory: 0, io: 0.01 } };
  expect(await host().network.renewLease(load)).toBe(false);
  const program = join(root, 'test/support/confirming-detector.ts');
  const told = [upstreamAddress, '10260', 'host-1', key.toString('hex')];
  const argv = [`--net=/run/netns/${hosts.outside}`, process.execPath, program, ...told];
  const detector = spawn('nsenter', argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let lines = '';
    detector.stdout.on('data', (text) => {
      lines += text;
    });
    await eventually(() => expect(lines).toBe('ready\n'));
    expect(await host().network.renewLease(load)).toBe(true);
    await eventually(() => expect(lines.split('\n')[1]).toBe(JSON.stringify(load)));
  } finally {
    detector.kill('SIGKILL');
  }
});

test('a restarted guard answers and beats on before the agent has told it anything', async () => {
  await eventually(async () =>
    expect(await execute('test', ['-s', join(directory, 'guard/names.json')])).toBeTruthy(),
  );
  guard?.kill('SIGKILL');
  await startGuard();
  await eventually(async () =>
    expect(await addressesOf('web.default.svc.cluster.local')).toEqual(['10.96.1.1']),
  );
});

test('what does not fit a datagram is cut, and whole over TCP', async () => {
  const endpoints = Array.from({ length: 400 }, (_, i) => ({ ip: `10.244.${10 + (i >> 8)}.${i & 255}` }));
  hosts.state.services.put(aService('crowd', 'None'));
  hosts.state.endpointSlices.put(aSlice('crowd', endpoints));
  const name = 'crowd.default.svc.cluster.local';
  await eventually(async () => expect(await resolve(name)).toMatchObject({ rcode: 0, isCut: true }));
  const whole = await resolve(name, 'A', 1, 'tcp');
  expect(whole.isCut).toBe(false);
  expect(new Set(addressesIn(whole))).toEqual(new Set(endpoints.map(({ ip }) => ip)));
});

test('other names are asked of the upstream, and an ExternalName leads to them', async () => {
  await startUpstream();
  await writeFile(join(directory, 'resolv.conf'), `nameserver 10.96.0.10\nnameserver ${upstreamAddress}\n`);
  guard?.kill('SIGKILL');
  await startGuard();
  await eventually(async () => expect(await addressesOf('small.test')).toEqual(['192.0.2.1']));
  expect((await resolve('nowhere.test')).rcode).toBe(3);
  expect(await resolve('big.test')).toMatchObject({ rcode: 0, isCut: true, answers: [] });
  expect(addressesIn(await resolve('big.test', 'A', 1, 'tcp'))).toHaveLength(300);
  const external = { type: 'ExternalName', clusterIPs: [], ports: [] };
  for (const target of ['small', 'big'])
    hosts.state.services.put(aService(`to-${target}`, '', { ...external, externalName: `${target}.test` }));
  await eventually(async () => {
    const { answers } = await resolve('to-small.default.svc.cluster.local');
    expect(answers.map(({ type, data }) => [type, data])).toEqual([
      ['CNAME', 'small.test'],
      ['A', '192.0.2.1'],
    ]);
  });
  const big = await resolve('to-big.default.svc.cluster.local', 'A', 1, 'tcp');
  expect(addressesIn(big)).toHaveLength(300);
});

test('a lookup from a pod takes little', async () => {
  const { medianUs } = await resolve('web.default.svc.cluster.local', 'A', 3000);
  expect(medianUs).toBeLessThan(2_000);
  console.info(`median of a lookup: ${medianUs.toFixed(0)} us`);
});
