/** Real guards' beats against a real detector process: when is a version told as reached everywhere? */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { nodes } from '../../api/generated/resources.ts';
import { deriveBeatKey } from '../../base/beat.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { secretHex, systemRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { Beats } from '../../node-agent/guard/beats.ts';
import { startApiServer, type TestApiServer } from '../support/api-server.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/free-port.ts';

const clusterKey = Buffer.from(secretHex(32), 'hex');
let server: TestApiServer;
let admin: ApiClient;
let detector: ChildProcess;
let port: number;

/** A guard, and what its agent would have told it. */
class TestGuard {
  readonly told: number[] = [];
  readonly #beats: Beats;
  readonly #stopping = new AbortController();
  readonly #running: Promise<void>;
  readonly #content = { dataPlaneVersion: 0, awaitedVersion: undefined as number | undefined, nodeCount: 3 };

  constructor(nodeName: string, keyName: string = nodeName) {
    this.#beats = new Beats({
      nodeName,
      key: deriveBeatKey(clusterKey, keyName),
      detectors: [{ address: '127.0.0.1', port }],
      address: '127.0.0.1',
      content: () => this.#content,
      onLeastVersion: (version) => this.told.push(version),
      onRenewed: () => undefined,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
    });
    this.#running = this.#beats.run(this.#stopping.signal);
  }

  rise(version: number): void {
    this.#content.dataPlaneVersion = version;
    this.#beats.versionRose();
  }

  ask(version: number | undefined): void {
    this.told.length = 0;
    this.#content.awaitedVersion = version;
    if (version !== undefined) this.#beats.ask();
  }

  stop(): Promise<void> {
    this.#stopping.abort();
    return this.#running;
  }
}

const guards: TestGuard[] = [];
const guard = (...names: [string, string?]): TestGuard => {
  const made = new TestGuard(...names);
  guards.push(made);
  return made;
};

beforeAll(async () => {
  server = await startApiServer([]);
  admin = await server.clientAs('admin');
  for (const name of ['host-1', 'host-2', 'host-3'])
    await admin.create(nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} });
  port = await freePort();
  const keyFile = join(server.directory, 'beat.key');
  await writeFile(keyFile, clusterKey.toString('hex'));
  const flags = {
    kubeconfig: join(server.directory, 'detector.kubeconfig'),
    'bind-address': '127.0.0.1',
    port: String(port),
    'beat-key-file': keyFile,
  };
  const main = join(import.meta.dirname, '../../controllers/detector/main.ts');
  const args = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
  detector = spawn(process.execPath, [main, ...args], { stdio: 'ignore' });
});

afterEach(async () => {
  await Promise.all(guards.splice(0).map((each) => each.stop()));
});

afterAll(async () => {
  if (detector?.exitCode === null) {
    detector.kill('SIGTERM');
    await once(detector, 'exit');
  }
  await server?.stop();
});

test('the one that asks learns of each rise of the least version, within milliseconds', async () => {
  const [asking, second, third] = [guard('host-1'), guard('host-2'), guard('host-3')];
  for (const each of [asking, second, third]) each.rise(128);
  const tookMs: number[] = [];
  for (let version = 512; version <= 7 * 512; version += 512) {
    asking.ask(version);
    asking.rise(version);
    second.rise(version);
    third.rise(version - 256);
    await eventually(() => expect(asking.told.at(-1)).toBe(version - 256));
    const startMs = performance.now();
    third.rise(version);
    await eventually(() => expect(asking.told.at(-1)).toBe(version));
    tookMs.push(performance.now() - startMs);
  }
  // The regular beats alone would bring it after 250 ms on the average, over three nodes.
  const sorted = tookMs.toSorted((left, right) => left - right);
  expect(sorted[sorted.length >> 1], tookMs.join(' ')).toBeLessThan(200);
  expect([second.told, third.told]).toEqual([[], []]);
});

test('a node that falls silent does not hold the least version back for longer than its silence is noticed', async () => {
  const [asking, second, dying] = [guard('host-1'), guard('host-2'), guard('host-3')];
  dying.rise(1_000);
  asking.rise(2_000);
  second.rise(2_000);
  asking.ask(2_000);
  await eventually(() => expect(asking.told.at(-1)).toBe(1_000));
  await dying.stop();
  await eventually(() => expect(asking.told.at(-1)).toBe(2_000), 4_000);
});

test('a node without a data plane does not hold it back at all', async () => {
  const [asking, second] = [guard('host-1'), guard('host-2')];
  guard('host-3').rise(0);
  asking.rise(3_000);
  second.rise(3_000);
  asking.ask(3_000);
  await eventually(() => expect(asking.told.at(-1)).toBe(3_000), 4_000);
});

test('a guard with a wrong key is neither answered nor counted', async () => {
  const [asking, second] = [guard('host-1'), guard('host-2')];
  const forger = guard('host-3', 'another');
  forger.rise(1);
  forger.ask(4_000);
  asking.rise(4_000);
  second.rise(4_000);
  asking.ask(4_000);
  await eventually(() => expect(asking.told.at(-1)).toBe(4_000), 4_000);
  expect(forger.told).toEqual([]);
});
