/**
 * One host with a node agent, and an API server (memory storage) that it talks to, for integration tests: the host is a
 * network, mount and process namespace with a reaping init, as deploy makes them, under names of its own.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readdirSync, readFileSync, rmdirSync, statSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { kubeconfigOf } from '../../deploy/kubeconfig.ts';
import { eventually, FinalError, startDeadlineMs } from './eventually.ts';
import { ensureServiceAccount } from './service-account.ts';
import { toolsLayer, writeTestImage } from './test-image.ts';
import { createTestPki, type TestPki } from './test-pki.ts';

const execute = promisify(execFile);
const root = join(dirname(fileURLToPath(import.meta.url)), '../..');
const nodeName = 'host-1';
const podCidr = '10.244.77.0/24';

export interface AgentHost {
  readonly client: ClosableApiClient;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly directory: string;
  readonly pki: TestPki;
  /** The host's init, as this machine sees it. */
  readonly initPid: number;
  readonly agentLog: string;
  createPod(name: string, spec: Partial<Pod['spec']>, metadata?: Partial<Pod['metadata']>): Promise<Pod>;
  getPod(name: string): Promise<Pod>;
  /** Runs a command in the host's namespaces. */
  run(...argv: string[]): Promise<string>;
  killAgent(): Promise<void>;
  startAgent(): void;
  [Symbol.asyncDispose](): Promise<void>;
}

export async function startAgentHost(): Promise<AgentHost> {
  const name = `crag${process.pid}`;
  const octet = process.pid % 250;
  const serverIp = `198.18.${octet}.1`;
  const nodeIp = `198.18.${octet}.2`;
  const port = 20_000 + (process.pid % 20_000);
  const directory = await mkdtemp(join(tmpdir(), `${name}-`));
  const cleanups: (() => Promise<void>)[] = [() => rm(directory, { recursive: true, force: true })];
  const dispose = async (): Promise<void> => {
    const ended: PromiseSettledResult<void>[] = [];
    for (const cleanup of cleanups.reverse()) ended.push(...(await Promise.allSettled([cleanup()])));
    const failed = ended.find((result) => result.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  try {
    await execute('ip', ['netns', 'add', name]);
    cleanups.push(async () => void (await execute('ip', ['netns', 'del', name])));
    await connectHost(name, { serverIp, nodeIp });
    const pki = await createTestPki({ directory, port, nodes: [nodeName] });
    const files = await writeIdentities(directory, pki, { serverIp, nodeIp, port });
    const server = spawn(
      process.execPath,
      [
        join(root, 'apiserver/main.ts'),
        ...pki.apiserverFlags,
        ...['--storage=memory', `--secure-port=${port}`, `--bind-address=${serverIp}`],
        ...[`--tls-cert-file=${files.serverCert}`, `--tls-private-key-file=${files.serverKey}`],
      ],
      { stdio: ['ignore', 'ignore', openSync(join(directory, 'apiserver.log'), 'a')] },
    );
    cleanups.push(() => stopProcess(server));
    const client = createApiClient({
      config: await loadKubeconfig(files.adminKubeconfig),
      clock: systemClock,
      logger: silentLogger,
      userAgent: 'agent-host',
    });
    cleanups.push(async () => client.close());
    await eventually(async () => {
      if (server.exitCode !== null) throw new FinalError(`apiserver ended with exit code ${server.exitCode}`);
      const { status } = await client.request({ method: 'GET', path: '/readyz' });
      if (status !== 200) throw new Error(`readyz: ${status}`);
    }, startDeadlineMs);
    await ensureServiceAccount(client);
    await writeTestImage(join(directory, 'images/tools'), { layers: [toolsLayer()] });
    const init = await startInit(name, directory);
    const initPid = await reaperPid(init, directory);
    cleanups.push(async () => {
      process.kill(initPid, 'SIGKILL');
      await stopProcess(init);
      await eventually(() => removeCgroups(name));
    });
    const agentLog = join(directory, 'agent.log');
    const host = new RunningHost({ client, directory, pki, nodeIp, initPid, agentLog, files, name, dispose });
    host.startAgent();
    await host.assignPodCidr();
    return host;
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** A wire between the machine and the network namespace `name`. */
async function connectHost(
  name: string,
  { serverIp, nodeIp }: { readonly serverIp: string; readonly nodeIp: string },
): Promise<void> {
  for (const command of [
    `link add ${name}v type veth peer name eth0 netns ${name}`,
    `addr add ${serverIp}/24 dev ${name}v`,
    `link set ${name}v up`,
    `-n ${name} link set lo up`,
    `-n ${name} addr add ${nodeIp}/24 dev eth0`,
    `-n ${name} link set eth0 up`,
    `-n ${name} route add default via ${serverIp}`,
  ])
    await execute('ip', command.split(' '));
}

interface Files {
  readonly adminKubeconfig: string;
  readonly nodeKubeconfig: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly agentCert: string;
  readonly agentKey: string;
  readonly ca: string;
}

async function writeIdentities(
  directory: string,
  pki: TestPki,
  { serverIp, nodeIp, port }: { readonly serverIp: string; readonly nodeIp: string; readonly port: number },
): Promise<Files> {
  const folder = join(directory, 'pki');
  await pki.ca.ensure(folder, 'server', { commonName: 'kube-apiserver', hosts: [serverIp, 'localhost'] });
  await pki.ca.ensure(folder, 'agent', {
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
    hosts: [nodeIp, nodeName],
  });
  const node = await pki.ca.ensure(folder, nodeName, {
    commonName: `system:node:${nodeName}`,
    organizations: ['system:nodes'],
  });
  const server = `https://${serverIp}:${port}`;
  const write = async (file: string, user: string, pair: TestPki['admin']): Promise<string> => {
    const path = join(directory, file);
    await writeFile(path, kubeconfigOf({ cluster: 'test', user, server, caPem: pki.caPem, pair }));
    return path;
  };
  return {
    adminKubeconfig: await write('admin.json', 'admin', pki.admin),
    nodeKubeconfig: await write('node.json', 'node', node),
    serverCert: join(folder, 'server.crt'),
    serverKey: join(folder, 'server.key'),
    agentCert: join(folder, 'agent.crt'),
    agentKey: join(folder, 'agent.key'),
    ca: join(folder, 'ca.crt'),
  };
}

/** A host's first process: it has the namespaces, and reaps. */
async function startInit(name: string, directory: string): Promise<ChildProcess> {
  await mkdir(join(directory, 'state'), { recursive: true });
  const script = `hostname ${nodeName}; mount -t proc proc /proc
    while umount /sys/fs/cgroup/unified 2>/dev/null; do :; done
    mount -t tmpfs tmpfs /run; mkdir -p /run/netns; exec catatonit -P`;
  const unshare = [
    'unshare',
    '--pid',
    '--fork',
    '--kill-child',
    '--mount',
    '--uts',
    '--ipc',
    '--propagation',
    'private',
  ];
  return spawn('nsenter', [`--net=/run/netns/${name}`, ...unshare, 'sh', '-c', script], {
    stdio: ['ignore', 'ignore', openSync(join(directory, 'init.log'), 'a')],
  });
}

/** The child of `unshare`, once it has become catatonit. */
function reaperPid(init: ChildProcess, directory: string): Promise<number> {
  return eventually(() => {
    const children = readFileSync(`/proc/${init.pid}/task/${init.pid}/children`, 'utf8').trim().split(' ');
    const pid = Number(children[0]);
    const command = readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
    if (command !== 'catatonit')
      throw new Error(`init is ${command}: ${readFileSync(join(directory, 'init.log'), 'utf8')}`);
    return pid;
  });
}

async function stopProcess(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await ended;
}

interface HostParts {
  readonly client: ClosableApiClient;
  readonly directory: string;
  readonly pki: TestPki;
  readonly nodeIp: string;
  readonly initPid: number;
  readonly agentLog: string;
  readonly files: Files;
  readonly name: string;
  readonly dispose: () => Promise<void>;
}

class RunningHost implements AgentHost {
  readonly client: ClosableApiClient;
  readonly nodeName: string = nodeName;
  readonly nodeIp: string;
  readonly directory: string;
  readonly pki: TestPki;
  readonly initPid: number;
  readonly agentLog: string;
  readonly #parts: HostParts;
  #agent: ChildProcess | undefined;

  constructor(parts: HostParts) {
    this.client = parts.client;
    this.nodeIp = parts.nodeIp;
    this.directory = parts.directory;
    this.pki = parts.pki;
    this.initPid = parts.initPid;
    this.agentLog = parts.agentLog;
    this.#parts = parts;
  }

  startAgent(): void {
    const { directory, files, nodeIp, name } = this.#parts;
    const log = openSync(this.agentLog, 'a');
    const flags = {
      kubeconfig: files.nodeKubeconfig,
      'node-name': nodeName,
      'node-ip': nodeIp,
      'root-dir': join(directory, 'state'),
      'run-dir': '/run/coracle',
      'tls-cert-file': files.agentCert,
      'tls-private-key-file': files.agentKey,
      'client-ca-file': files.ca,
      'image-dir': join(directory, 'images'),
      'cgroup-root': `/${name}`,
      'container-log-max-size': '16Ki',
      'container-log-max-files': '3',
      'container-log-monitor-interval': '1s',
    };
    const argv = Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`);
    const program = [process.execPath, join(root, 'node-agent/main.ts'), ...argv];
    this.#agent = spawn('nsenter', ['-t', String(this.initPid), '-m', '-u', '-i', '-n', '-p', ...program], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
  }

  /** `nsenter -p` leaves a parent outside: the agent proper is its child. */
  async killAgent(): Promise<void> {
    const agent = this.#agent;
    if (agent?.pid === undefined) return;
    const ended = new Promise((resolve) => agent.once('exit', resolve));
    const children = readFileSync(`/proc/${agent.pid}/task/${agent.pid}/children`, 'utf8').trim().split(' ');
    for (const pid of children.filter((text) => text !== '')) process.kill(Number(pid), 'SIGKILL');
    await ended;
  }

  async assignPodCidr(): Promise<void> {
    await eventually(() => this.client.get(nodes, { name: nodeName }), startDeadlineMs);
    const body = { spec: { podCIDR: podCidr, podCIDRs: [podCidr] } };
    await this.client.patch(nodes, { name: nodeName }, { type: 'merge', body });
  }

  createPod(name: string, spec: Partial<Pod['spec']>, metadata: Partial<Pod['metadata']> = {}): Promise<Pod> {
    return this.client.create(pods, {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { ...metadata, name, namespace: 'default' },
      spec: {
        nodeName,
        automountServiceAccountToken: false,
        terminationGracePeriodSeconds: 1,
        containers: [],
        ...spec,
      },
    });
  }

  getPod(name: string): Promise<Pod> {
    return this.client.get(pods, { namespace: 'default', name });
  }

  async run(...argv: string[]): Promise<string> {
    const { stdout } = await execute('nsenter', [
      '-t',
      String(this.initPid),
      '-m',
      '-u',
      '-i',
      '-n',
      '-p',
      ...argv,
    ]);
    return stdout;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#parts.dispose();
  }
}

/** cgroups of the host in every hierarchy, deepest first. */
function removeCgroups(name: string): void {
  for (const hierarchy of readdirSync('/sys/fs/cgroup')) removeBelow(join('/sys/fs/cgroup', hierarchy, name));
}

function removeBelow(directory: string): void {
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) return;
  for (const entry of readdirSync(directory, { withFileTypes: true }))
    if (entry.isDirectory()) removeBelow(join(directory, entry.name));
  rmdirSync(directory);
}
