/** Certificates of the server and its clients are made anew while one user hammers and 100 watches of others run. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from 'node:tls';
import type { ConfigMap } from '../../../api/generated/core-v1.ts';
import { configmaps, namespaces } from '../../../api/generated/resources.ts';
import { systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { systemRandom } from '../../../base/random.ts';
import type { ApiClient } from '../../../client/client.ts';
import { runWithClient } from '../../../client/followed-client.ts';
import { Informer } from '../../../client/informer.ts';
import { kubeconfigOf } from '../../../deploy/kubeconfig.ts';
import { CertificateAuthority, writeSecret } from '../../../deploy/pki.ts';
import type { ApiServerProcess } from '../../support/api-server-process.ts';
import { eventually } from '../../support/eventually.ts';
import { startHammer, userPair } from '../../support/hammering.ts';
import { type FairnessLoad, type QuotaOptions, underQuota } from './fairness-bench.ts';
import type { Figure } from './figures.ts';

export interface RenewalOptions extends QuotaOptions {
  readonly load: FairnessLoad;
}

const watchesOfEach = 50;
const pauseMs = 25;
/** Everybody looks at their files every ten seconds. */
const patienceMs = 40_000;
const afterMs = 3_000;
const namespace = 'renewal';
const identities = { jane: 'jane', controllers: 'system:kube-controller-manager' } as const;
type User = keyof typeof identities;

/** What is seen of all programs together. */
interface Seen {
  requests: number;
  readonly failures: string[];
  /** Values of the counter that each watch has shown, and those that it left out. */
  readonly last: number[];
  missed: number;
  renewedClients: number;
}

export async function measureRenewal(options: RenewalOptions): Promise<Figure[]> {
  return await underQuota(options, async ({ server, hurry }) => {
    const admin = await server.client('admin');
    await admin.create(namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: namespace },
      spec: {},
    });
    const metadata = { name: 'counter', namespace };
    await admin.create(configmaps, { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { value: '0' } });
    for (const user of ['jane', 'controllers'] as const) await issue(server, user);
    const pair = await userPair(server, 'hammer');
    const hammering = await startHammer({ ...options.load, ...pair, seconds: 90, port: server.port });
    hurry();
    try {
      return await renewMeanwhile(server);
    } finally {
      hammering.stop();
      await hammering.counted;
    }
  });
}

async function renewMeanwhile(server: ApiServerProcess): Promise<Figure[]> {
  const seen: Seen = { requests: 0, failures: [], last: [], missed: 0, renewedClients: 0 };
  const abort = new AbortController();
  const state = { counted: 0, isWriting: true };
  const run = (user: User, ask: Ask): Promise<void> =>
    runAs({ server, user, seen, ask, mayAsk: () => state.isWriting }, abort.signal);
  const running = [
    run('jane', async (client) => {
      await client.patch(configmaps, counter, {
        type: 'merge',
        body: { data: { value: `${state.counted + 1}` } },
      });
      state.counted += 1;
    }),
    run('controllers', async (client) => {
      await client.get(configmaps, counter);
    }),
  ];
  await eventually(() => requireAll(seen, 1), patienceMs);
  const serial = await servedSerial(server.port);
  const startedMs = performance.now();
  await renew(server);
  await eventually(async () => {
    if ((await servedSerial(server.port)) === serial) throw new Error('the server shows its old certificate');
    if (seen.renewedClients < running.length) throw new Error(`${seen.renewedClients} clients have theirs`);
  }, patienceMs);
  const tookSeconds = (performance.now() - startedMs) / 1_000;
  await sleep(afterMs);
  state.isWriting = false;
  await sleep(pauseMs * 4);
  const behind = await eventually(() => requireAll(seen, state.counted), patienceMs).then(
    () => 0,
    () => seen.last.filter((value) => value < state.counted).length,
  );
  abort.abort();
  await Promise.all(running);
  for (const failure of seen.failures.slice(0, 5)) process.stderr.write(`${failure}\n`);
  const figure = (name: string, value: number, goal?: number): Figure => ({
    ...{ name: `renewal under the hammer: ${name}`, unit: '', values: [value] },
    ...(goal === undefined ? {} : { goal }),
  });
  return [
    { ...figure('all have new certificates after', tookSeconds), unit: 's' },
    figure('watches', seen.last.length, 2 * watchesOfEach),
    figure('changes that each of them was to show', state.counted),
    figure('changes left out', seen.missed, 0),
    figure('watches that did not come to the last one', behind, 0),
    figure('requests of the others', seen.requests),
    figure('requests that failed', seen.failures.length, 0),
  ];
}

const counter = { name: 'counter', namespace };

function requireAll({ last }: Seen, value: number): void {
  const reached = last.filter((each) => each >= value).length;
  if (reached < 2 * watchesOfEach) throw new Error(`${reached} watches have shown ${value}`);
}

type Ask = (client: ApiClient) => Promise<void>;

interface ProgramOptions {
  readonly server: ApiServerProcess;
  readonly user: User;
  readonly seen: Seen;
  /** What it does again and again. */
  readonly ask: Ask;
  mayAsk(): boolean;
}

/** A program that watches and asks all the time. */
async function runAs(
  { server, user, seen, ask, mayAsk }: ProgramOptions,
  signal: AbortSignal,
): Promise<void> {
  const common = { clock: systemClock, random: systemRandom };
  const logger = {
    ...silentLogger,
    info: (_fields: object, message: string): void => {
      if (message === 'took what has changed') seen.renewedClients += 1;
    },
  };
  const options = { ...common, kubeconfig: kubeconfigFile(server, user), logger, userAgent: 'bench' };
  await runWithClient(options, signal, async (client, until) => {
    const informers = Array.from({ length: watchesOfEach }, () => {
      const asked = { ...common, client, type: configmaps, logger: silentLogger };
      const informer = new Informer({ ...asked, selection: { namespace } });
      follow(informer, seen);
      return informer.run(until);
    });
    while (!until.aborted) {
      if (mayAsk()) {
        seen.requests += 1;
        await ask(client).catch((error: unknown) => void seen.failures.push(`${user}: ${String(error)}`));
      }
      await sleep(pauseMs);
    }
    await Promise.all(informers);
  });
}

function follow(informer: Informer<ConfigMap>, seen: Seen): void {
  const nth = seen.last.push(0) - 1;
  const show = (object: ConfigMap, isFirst: boolean): void => {
    if (object.metadata.name !== counter.name) return;
    const value = Number(object.data?.['value']);
    if (!isFirst) seen.missed += Math.abs(value - (seen.last[nth] ?? 0) - 1);
    seen.last[nth] = value;
  };
  informer.addHandler({
    onAdd: (object) => show(object, true),
    onUpdate: (_previous, object) => show(object, false),
  });
}

const kubeconfigFile = (server: ApiServerProcess, user: User): string =>
  join(server.directory, `${user}.kubeconfig`);

/** A new certificate for `user`, in the kubeconfig that its program follows. */
async function issue(server: ApiServerProcess, user: User): Promise<void> {
  const pki = join(server.directory, 'pki');
  const authority = await CertificateAuthority.open(pki);
  const pair = await authority.issue({ commonName: identities[user] });
  const caPem = readFileSync(join(pki, 'ca.crt'), 'utf8');
  const address = `https://127.0.0.1:${server.port}`;
  const text = kubeconfigOf({ cluster: 'coracle', user: identities[user], server: address, caPem, pair });
  await writeSecret(kubeconfigFile(server, user), text);
}

/** As `deploy/certs renew` does it. */
async function renew(server: ApiServerProcess): Promise<void> {
  const pki = join(server.directory, 'pki');
  const authority = await CertificateAuthority.open(pki);
  const hosts = ['127.0.0.1', 'localhost'];
  const serving = await authority.issue({ commonName: 'kube-apiserver', hosts });
  await writeSecret(join(pki, 'apiserver.key'), serving.key);
  await writeSecret(join(pki, 'apiserver.crt'), serving.cert);
  for (const user of ['jane', 'controllers'] as const) await issue(server, user);
}

/** Serial number of the certificate that the server shows now. */
function servedSerial(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate().serialNumber);
      socket.end();
    });
    socket.once('error', reject);
  });
}
