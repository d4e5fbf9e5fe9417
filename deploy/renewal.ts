/**
 * Certificates that end, renewed while everything runs. Programs read their files again by themselves; etcd and the
 * controllers hold on to the authority they started with, so they are started again, one after the other, when that was
 * renewed.
 */
import { existsSync, readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import * as x509 from '@peculiar/x509';
import { type Clock, delay } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import { connect, probeApi } from './api.ts';
import { createIdentities, createNodeIdentity } from './identities.ts';
import { readJoined } from './join/joined-host.ts';
import type { Layout } from './layout.ts';
import { publishForNodes } from './publish.ts';
import { readCluster, type StoredCluster } from './settings.ts';
import { hostDirectory, readHosts } from './simulated-host.ts';
import { signalProcess } from './supervisor.ts';
import { gatewayAddress } from './underlay.ts';
import { readUnits, runningPid } from './units.ts';
import { UserError } from './user-error.ts';
import { waitForUnit } from './wait.ts';

const periodMs = 3_600_000;
const restartDeadlineMs = 30_000;
const dayMs = 86_400_000;

/** Looks every hour whether a certificate ends soon, until `signal` aborts. */
export async function runRenewal(
  options: { readonly layout: Layout; readonly clock: Clock; readonly logger: Logger },
  signal: AbortSignal,
): Promise<void> {
  const { layout, clock, logger } = options;
  while (!signal.aborted) {
    await delay(clock, periodMs, signal);
    const cluster = readCluster(layout);
    if (signal.aborted || cluster === undefined) continue;
    try {
      await renewCertificates({ layout, cluster, clock }, { renewAll: false });
    } catch (error) {
      // There are weeks left to do it; the log says so every hour.
      logger.error({ err: error }, 'renew certificates');
    }
  }
}

interface Renewal {
  readonly layout: Layout;
  readonly cluster: StoredCluster;
  readonly clock: Clock;
}

export async function renewCertificates(
  renewal: Renewal,
  how: { readonly renewAll: boolean },
): Promise<void> {
  const { layout, cluster } = renewal;
  const { settings, choices } = cluster;
  const authority = await createIdentities(layout, settings, choices.underlay, how);
  const { underlay } = choices;
  if (underlay !== undefined)
    for (const host of readHosts(layout)) {
      const { name, address } = host;
      const server = `https://${gatewayAddress(underlay)}:${settings.port}`;
      await createNodeIdentity(
        layout,
        { name, address, server, directory: hostDirectory(layout, name) },
        authority,
      );
    }
  if (!authority.isNew) return;
  if (settings.only.includes('apiserver')) await publishAuthority(renewal);
  await restartHolders(renewal);
}

/** Nodes of other machines read it there. */
async function publishAuthority({ layout, cluster }: Renewal): Promise<void> {
  const client = await connect(layout);
  try {
    await publishForNodes(layout, cluster, client);
  } finally {
    client.close();
  }
}

/** One at a time: several members of etcd keep serving meanwhile, and one alone is missed for a second. */
async function restartHolders({ layout, clock }: Renewal): Promise<void> {
  const names = [...readUnits(layout).keys()].filter((name) => /^(etcd|controllers)-/.test(name));
  for (const name of names) {
    const pid = runningPid(layout, name);
    if (pid === undefined || !signalProcess(pid, 'SIGTERM')) continue;
    await waitForUnit(layout, clock, name, restartDeadlineMs, async () => {
      if ((runningPid(layout, name) ?? pid) === pid) throw new Error('it is not running again');
      await requireReadyApi(layout);
    });
  }
}

/** Its readiness rests on etcd's. */
async function requireReadyApi(layout: Layout): Promise<void> {
  const client = await connect(layout);
  try {
    await probeApi(client);
  } finally {
    client.close();
  }
}

/** `deploy/certs`: what certificates there are and how long they last; `renew` makes all anew. */
export async function runCertsCommand(
  layout: Layout,
  clock: Clock,
  [action = 'ls', ...rest]: readonly string[],
): Promise<void> {
  const cluster = readCluster(layout);
  const joined = readJoined(layout);
  if (cluster === undefined && joined === undefined) throw new UserError('no cluster is up: run deploy/up');
  if (rest.length > 0 || !['ls', 'renew'].includes(action))
    throw new UserError(`certs: unknown action "${[action, ...rest].join(' ')}" (ls, renew)`, 2);
  if (action === 'renew' && cluster === undefined)
    throw new UserError('this machine has joined a cluster: its agent renews its certificates by itself');
  if (action === 'renew' && cluster !== undefined)
    await renewCertificates({ layout, cluster, clock }, { renewAll: true });
  const nodes = joined === undefined ? readHosts(layout).map(({ name }) => name) : [joined.nodeName];
  const rows = await certificates(layout, nodes, clock.nowMs());
  const width = Math.max(...rows.map(({ file }) => file.length), 'CERTIFICATE'.length);
  const lines = rows.map(
    ({ file, days, subject }) => `${file.padEnd(width)}   ${`${days}d`.padEnd(9)}   ${subject}`,
  );
  process.stdout.write(`${'CERTIFICATE'.padEnd(width)}   REMAINING   SUBJECT\n${lines.join('\n')}\n`);
}

interface CertificateRow {
  readonly file: string;
  readonly days: number;
  readonly subject: string;
}

async function certificates(
  layout: Layout,
  nodes: readonly string[],
  nowMs: number,
): Promise<CertificateRow[]> {
  const directories = [layout.pki, ...nodes.map((name) => hostDirectory(layout, name))];
  const files: string[] = [];
  for (const directory of directories.filter((each) => existsSync(each)))
    for (const name of (await readdir(directory)).sort())
      if (/\.(crt|pem)$/.test(name) && !(name === 'ca.crt' && directory !== layout.pki))
        files.push(join(directory, name));
  return files.map((file) => {
    const { notAfter, subject } = new x509.X509Certificate(readFileSync(file, 'utf8'));
    const days = Math.floor((notAfter.getTime() - nowMs) / dayMs);
    return { file: file.slice(layout.state.length + 1), days, subject };
  });
}
