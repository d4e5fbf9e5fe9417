import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { type ApiClientOptions, type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { nodeOptionsOf } from '../../deploy/node-options.ts';
import { eventually, FinalError, startDeadlineMs } from './eventually.ts';
import { freePort } from './free-port.ts';
import { createTestPki } from './test-pki.ts';

const projectRoot = join(import.meta.dirname, '../..');

/** The real API server as a process of its own, on a free loopback port, with certificates of its own. */
export class ApiServerProcess {
  readonly port: number;
  readonly directory: string;
  readonly #flags: readonly string[];
  readonly #program: string;
  readonly #clients: ClosableApiClient[] = [];
  readonly #processes: ChildProcess[] = [];

  private constructor(options: {
    port: number;
    directory: string;
    flags: readonly string[];
    program: string;
  }) {
    this.#program = options.program;
    this.port = options.port;
    this.directory = options.directory;
    this.#flags = options.flags;
  }

  /** In memory unless `etcdServers` are given. */
  static async start(
    options: {
      readonly etcdServers?: string;
      readonly flags?: readonly string[];
      /** What is run: the source, unless another file is named. */
      readonly program?: string;
      /** How long it may take to be ready. */
      readonly readyMs?: number;
    } = {},
  ): Promise<ApiServerProcess> {
    const port = await freePort();
    const directory = mkdtempSync(join(tmpdir(), 'coracle-api-'));
    const pki = await createTestPki({ directory, port, nodes: [] });
    const store =
      options.etcdServers === undefined ? ['--storage=memory'] : [`--etcd-servers=${options.etcdServers}`];
    const flags = [...pki.apiserverFlags, `--secure-port=${port}`, ...store, ...(options.flags ?? [])];
    const program = options.program ?? join(projectRoot, 'apiserver/main.ts');
    const server = new ApiServerProcess({ port, directory, flags, program });
    try {
      await server.launch(options.readyMs);
    } catch (error) {
      await server.stop();
      throw error;
    }
    return server;
  }

  /** Starts one, beside those that run, on the same port if it gets none of its own. */
  async launch(readyMs: number = startDeadlineMs, ownPort?: number): Promise<void> {
    const own = ownPort === undefined ? [] : [`--secure-port=${ownPort}`];
    const args = [...nodeOptionsOf('apiserver'), this.#program, ...this.#flags, ...own];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.#processes.push(child);
    // Also when the test program fails before it can stop it.
    const killIt = (): void => void child.kill('SIGKILL');
    process.once('exit', killIt);
    child.once('exit', () => process.off('exit', killIt));
    let log = '';
    let isServing = false;
    let hasEnded = false;
    // Its last words have been read by then, too.
    child.once('close', () => (hasEnded = true));
    child.stderr.on('data', (chunk: Buffer) => {
      log += chunk.toString();
      isServing ||= log.includes('"serving"');
      log = log.slice(-4_000);
    });
    const probe = await this.client('admin', { failFast: true });
    await eventually(async () => {
      if (hasEnded) throw new FinalError(`apiserver ended with exit code ${child.exitCode}: ${log}`);
      // Who answers at the port may be another one.
      if (!isServing) throw new Error(`apiserver does not serve yet: ${log}`);
      const { status } = await probe.request({ method: 'GET', path: '/readyz' });
      if (status !== 200) throw new Error(`apiserver is not ready: ${status}`);
    }, readyMs);
    probe.close();
  }

  /** A client with the identity of `user`: `admin`, `scheduler`, `controllers`, ... Closed by `stop`. */
  async client(
    user = 'admin',
    options: Pick<ApiClientOptions, 'failFast' | 'decode'> = {},
  ): Promise<ClosableApiClient> {
    const config = await loadKubeconfig(this.kubeconfig(user));
    const client = createApiClient({
      ...{ config, clock: systemClock, logger: silentLogger, userAgent: 'test' },
      ...options,
    });
    this.#clients.push(client);
    return client;
  }

  kubeconfig(user: string): string {
    return join(this.directory, `${user}.kubeconfig`);
  }

  /** Process id of the server started as the `nth`. */
  pid(nth = 0): number | undefined {
    return this.#processes[nth]?.pid;
  }

  /** Of the server started as the `nth`, when it has ended. */
  exitCode(nth = 0): number | null | undefined {
    return this.#processes[nth]?.exitCode;
  }

  /** To the server started as the `nth`. */
  signal(name: 'SIGSTOP' | 'SIGCONT', nth = 0): void {
    this.#processes[nth]?.kill(name);
  }

  /** As a crash of all that run. */
  kill(): Promise<void> {
    return this.#end('SIGKILL');
  }

  /** As an operator stops them: they take leave of each other. */
  quit(): Promise<void> {
    return this.#end('SIGTERM');
  }

  async #end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    for (const child of this.#processes.splice(0)) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = once(child, 'exit');
      child.kill(signal);
      await ended;
    }
  }

  /** As a crash of the one started as the `nth`; the others keep their numbers. */
  async killOne(nth: number): Promise<void> {
    const child = this.#processes[nth];
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.kill();
    rmSync(this.directory, { recursive: true, force: true });
  }
}
