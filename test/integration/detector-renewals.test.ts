/** Agents' Leases, guards' datagrams, real detector processes and a real API server: who renews, and what when nobody does. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import { leases, nodes } from '../../api/generated/resources.ts';
import { loadAnnotation, toLoadText } from '../../api/node-load.ts';
import { deriveBeatKey } from '../../base/beat.ts';
import type { LoadFigures } from '../../base/beat-renewal.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { secretHex, systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { AwaitedRenewal } from '../../node-agent/guard/awaited-renewal.ts';
import { Beats } from '../../node-agent/guard/beats.ts';
import { runNodeLease } from '../../node-agent/status/node-lease.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const hosts = ['host-1', 'host-2', 'host-3'];
const clusterKey = Buffer.from(secretHex(32), 'hex');
const load: LoadFigures = {
  cpuMillis: 250,
  memoryBytes: 2 ** 33,
  pressure: { cpu: 0.4143, memory: 0, io: 0 },
};
const main = join(import.meta.dirname, '../../controllers/detector/main.ts');
/** A detector's Lease of 5 s has to end, and the machine may be busy. */
const takeOverMs = 20_000;
let server: TestApiServer;
let admin: ApiClient;
const detectors = new Map<string, ChildProcess>();
const ports: number[] = [];

async function startDetector(identity: string): Promise<void> {
  const port = await freePort();
  ports.push(port);
  const flags = {
    kubeconfig: join(server.directory, 'detector.kubeconfig'),
    'leader-elect-identity': identity,
    'bind-address': '127.0.0.1',
    port: String(port),
    'beat-key-file': join(server.directory, 'beat.key'),
  };
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  detectors.set(identity, spawn(process.execPath, [main, ...args], { stdio: 'ignore' }));
}

/** The part of an agent and its guard that has to do with its Lease. */
class TestAgent {
  readonly name: string;
  /** What it wrote itself, and what was confirmed to it. */
  writes = 0;
  confirmed = 0;
  readonly #awaited = new AwaitedRenewal(systemClock);
  readonly #guard: Beats;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>[] = [];

  constructor(name: string, keyName: string = name) {
    this.name = name;
    this.#guard = new Beats({
      nodeName: name,
      key: deriveBeatKey(clusterKey, keyName),
      detectors: ports.map((port) => ({ address: '127.0.0.1', port })),
      address: '127.0.0.1',
      content: () => ({ dataPlaneVersion: 0, awaitedVersion: undefined, nodeCount: hosts.length }),
      onLeastVersion: () => undefined,
      onRenewed: (id) => this.#awaited.hear(id),
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    this.#running.push(this.#guard.run(this.#stopping.signal));
  }

  async ask(): Promise<boolean> {
    const isRenewed = await this.#awaited.ask((id) => this.#guard.renew(id, load));
    if (isRenewed) this.confirmed += 1;
    return isRenewed;
  }

  /** The second renewal follows the first at once, and ten seconds later the third. */
  async live(): Promise<void> {
    const client = await server.clientAs(this.name);
    const written = async <V>(write: Promise<V>): Promise<V> => {
      const value = await write;
      this.writes += 1;
      return value;
    };
    const lease = {
      client: {
        isConnected: () => client.isConnected(),
        get: client.get.bind(client),
        create: (...args: Parameters<ApiClient['create']>) => written(client.create(...args)) as never,
        update: (...args: Parameters<ApiClient['update']>) => written(client.update(...args)) as never,
      },
      ...{ nodeName: this.name, nodeUid: () => undefined, clock: systemClock, logger: silentLogger },
      ...{ random: { next: () => 0 }, load: async () => load, renewTogether: () => this.ask() },
    };
    this.#running.push(runNodeLease(lease, this.#stopping.signal));
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }
}

const agents: TestAgent[] = [];
const agent = (...names: [string, string?]): TestAgent => {
  const made = new TestAgent(...names);
  agents.push(made);
  return made;
};
const leaseOf = (name: string): Promise<Lease> => admin.get(leases, { namespace: 'kube-node-lease', name });

async function leader(): Promise<ChildProcess> {
  const { spec } = await admin.get(leases, { namespace: 'kube-system', name: 'coracle-detector' });
  const found = detectors.get(spec.holderIdentity ?? '');
  if (found === undefined) throw new Error('nobody leads');
  return found;
}

beforeAll(async () => {
  server = await startApiServer(hosts);
  admin = await server.clientAs('admin');
  for (const name of hosts)
    await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} });
  await writeFile(join(server.directory, 'beat.key'), clusterKey.toString('hex'));
  for (const identity of ['a', 'b']) await startDetector(identity);
  await eventually(leader, takeOverMs);
});

afterEach(async () => {
  await Promise.all(agents.splice(0).map((each) => each.stop()));
});

afterAll(async () => {
  for (const detector of detectors.values()) {
    if (detector.exitCode !== null || detector.signalCode !== null) continue;
    detector.kill('SIGTERM');
    await once(detector, 'exit');
  }
  await server?.stop();
});

test('agents create their Leases, and the detector that leads renews them with their loads', async () => {
  const living = hosts.map((name) => agent(name));
  await Promise.all(living.map((each) => each.live()));
  await eventually(() => expect(living.map(({ writes }) => writes > 0)).toEqual([true, true, true]));
  // Those whose asking came before a detector knew their node have renewed themselves meanwhile.
  await eventually(async () => {
    for (const each of living) if (each.confirmed === 0) expect(await each.ask()).toBe(true);
  }, takeOverMs);
  for (const name of hosts) {
    const { metadata, spec } = await leaseOf(name);
    expect(metadata.annotations).toEqual({ [loadAnnotation]: toLoadText(load) });
    expect(spec).toMatchObject({ holderIdentity: name, leaseDurationSeconds: 40 });
  }
  const own = living.map(({ writes }) => writes);
  await Promise.all(living.map((each) => each.stop()));
  const before = await leaseOf('host-1');
  const guard = agent('host-1');
  await eventually(async () => expect(await guard.ask()).toBe(true), takeOverMs);
  const after = await leaseOf('host-1');
  expect(Date.parse(after.spec.renewTime ?? '')).toBeGreaterThan(Date.parse(before.spec.renewTime ?? ''));
  expect(living.map(({ writes }) => writes)).toEqual(own);
});

test('a guard with a wrong key, and one of a node that has no Lease, get no confirmation', async () => {
  await admin.delete(leases, { namespace: 'kube-node-lease', name: 'host-3' });
  const before = await leaseOf('host-2');
  expect(await Promise.all([agent('host-2', 'another').ask(), agent('host-3').ask()])).toEqual([
    false,
    false,
  ]);
  expect((await leaseOf('host-2')).spec.renewTime).toBe(before.spec.renewTime);
});

test('while no detector answers, agents renew themselves within seconds', async () => {
  for (const detector of detectors.values()) detector.kill('SIGSTOP');
  const living = hosts.map((name) => agent(name));
  const started = Date.now();
  await Promise.all(living.map((each) => each.live()));
  await eventually(() => {
    for (const each of living) expect(each.writes).toBeGreaterThanOrEqual(2);
  });
  for (const detector of detectors.values()) detector.kill('SIGCONT');
  for (const name of hosts)
    expect(Date.parse((await leaseOf(name)).spec.renewTime ?? '')).toBeGreaterThan(started + 2_500);
  expect(living.map(({ confirmed }) => confirmed)).toEqual([0, 0, 0]);
});

test('when the leader is killed the next one renews', async () => {
  const living = hosts.map((name) => agent(name));
  await eventually(async () => expect(await living[0]?.ask()).toBe(true), takeOverMs);
  (await leader()).kill('SIGKILL');
  await eventually(async () => {
    for (const each of living) expect(await each.ask()).toBe(true);
  }, takeOverMs);
});
