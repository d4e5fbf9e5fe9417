/** Nodes for the bench: objects that nobody plays, or hollow nodes with their agents' requests and a controller manager. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, openSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Node } from '../../../api/generated/core-v1.ts';
import { nodes } from '../../../api/generated/resources.ts';
import type { ApiClient } from '../../../client/client.ts';
import { ensureHollowIdentities, hollowIdentitiesFile } from '../../../deploy/hollow-identities.ts';
import { layoutOf } from '../../../deploy/layout.ts';
import { nodeOptionsOf } from '../../../deploy/node-options.ts';
import { CertificateAuthority } from '../../../deploy/pki.ts';
import type { ApiServerProcess } from '../../support/api-server-process.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { inParallel } from './api-load.ts';
import { zoneKey } from './scheduling-workloads.ts';

const root = join(import.meta.dirname, '../../..');
const readyDeadlineMs = 60_000;
const readyDeadlinePerNodeMs = 60;
export const requestsInFlight = 64;

/** scheduler_perf's node. */
export async function createNodes(client: ApiClient, count: number): Promise<void> {
  await inParallel(count, requestsInFlight, async (i) => {
    const name = `n${i}`;
    await client.create(nodes, {
      ...{ apiVersion: 'v1', kind: 'Node', metadata: { name, labels: { 'kubernetes.io/hostname': name } } },
      ...{ spec: {}, status: { capacity: { cpu: '4', memory: '32Gi', pods: '110' } } },
    });
  });
}

/** Labels them with these zones in turn, and takes away the taint that a controller would. */
export async function labelNodes(client: ApiClient, count: number, zones: readonly string[]): Promise<void> {
  await inParallel(count, requestsInFlight, async (i) => {
    const labels = { [zoneKey]: zones[i % zones.length] ?? null };
    const body = { metadata: { labels }, spec: { taints: null } };
    await client.patch(nodes, { name: `n${i}` }, { type: 'merge', body });
  });
}

/** Agents without containers, and the controllers and the detector that serve them as in a cluster, as processes. */
export class HollowNodes {
  readonly #controllers: ChildProcess;
  readonly #detector: ChildProcess;
  readonly #agents: ChildProcess;

  private constructor(parts: Record<'controllers' | 'detector' | 'agents', ChildProcess>) {
    this.#controllers = parts.controllers;
    this.#detector = parts.detector;
    this.#agents = parts.agents;
  }

  /** Resolves when all of them are Ready and take pods. */
  static async start(server: ApiServerProcess, client: ApiClient, count: number): Promise<HollowNodes> {
    const { directory } = server;
    const pki = join(directory, 'pki');
    const layout = { ...layoutOf('bench'), pki };
    const unit = { unit: 'hollow-nodes-1', first: 1, count };
    const authority = await CertificateAuthority.open(pki);
    const url = `https://127.0.0.1:${server.port}`;
    mkdirSync(join(pki, 'hollow'), { recursive: true });
    await ensureHollowIdentities({ layout, server: url, authority }, unit, {});
    const keyFile = join(directory, 'beat.key');
    writeFileSync(keyFile, randomBytes(32).toString('hex'));
    const controllers = runProgram('controllers', [
      `--kubeconfig=${server.kubeconfig('controllers')}`,
      ...['--leader-elect=false', '--cluster-cidr=10.0.0.0/11', `--root-ca-file=${join(pki, 'ca.crt')}`],
    ]);
    const address = '127.0.0.1';
    const port = await freePort();
    // It tells of every node that it is alive.
    const log = openSync(join(directory, 'detector.log'), 'w');
    const detectorFlags = [
      ...[`--kubeconfig=${server.kubeconfig('detector')}`, `--beat-key-file=${keyFile}`],
      ...[`--bind-address=${address}`, `--port=${port}`],
    ];
    const detector = runProgram('controllers/detector', detectorFlags, log);
    const agents = runProgram('node-agent/hollow', [
      ...[`--identities=${hollowIdentitiesFile(layout, unit.unit)}`, `--count=${count}`],
      ...[`--beat-key-file=${keyFile}`, `--power-dir=${join(directory, 'power')}`, '--memory=32Gi'],
      `--detector=${address}:${port}`,
    ]);
    const hollow = new HollowNodes({ controllers, detector, agents });
    await eventually(
      async () => {
        const { items } = await client.list(nodes, {});
        const ready = items.filter(takesPods).length;
        if (ready < count) throw new Error(`${ready} of ${count} hollow nodes take pods`);
      },
      readyDeadlineMs + count * readyDeadlinePerNodeMs,
    );
    return hollow;
  }

  get pids(): readonly (number | undefined)[] {
    return this.#processes.map(({ pid }) => pid);
  }

  stop(): void {
    for (const each of this.#processes) each.kill('SIGKILL');
  }

  get #processes(): readonly ChildProcess[] {
    return [this.#agents, this.#detector, this.#controllers];
  }
}

function runProgram(
  name: string,
  flags: readonly string[],
  log: number | 'inherit' = 'inherit',
): ChildProcess {
  const args = [...nodeOptionsOf(name), join(root, name, 'main.ts'), ...flags];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', log] });
  process.once('exit', () => child.kill('SIGKILL'));
  return child;
}

const takesPods = ({ spec, status }: Node): boolean =>
  (spec?.taints ?? []).length === 0 &&
  spec?.podCIDR !== undefined &&
  (status?.conditions ?? []).some((each) => each.type === 'Ready' && each.status === 'True');
