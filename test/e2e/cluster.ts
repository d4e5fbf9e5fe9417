/** A cluster of the tests' own, beside a user's: another name, another port, its own kubeconfig. */
import { type ExecFileException, execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { root } from '../tidy/source-files.ts';
import { realClient } from './real-clients.ts';

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end, whatever its exit status. */
export function runToEnd(
  file: string,
  args: readonly string[],
  options: { input?: string; environment?: NodeJS.ProcessEnv; timeoutMs?: number } = {},
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const settings = {
      cwd: '/',
      encoding: 'utf8' as const,
      maxBuffer: 64 << 20,
      timeout: options.timeoutMs ?? 240_000,
      env: { ...process.env, ...options.environment },
    };
    const child = execFile(file, [...args], settings, (error: ExecFileException | null, stdout, stderr) => {
      const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 1;
      resolve({
        code,
        stdout,
        stderr: error !== null && error.killed === true ? `${stderr}\n(killed: time is up)` : stderr,
      });
    });
    child.stdin?.on('error', () => undefined); // EPIPE: it ended without reading all; its exit status tells.
    child.stdin?.end(options.input);
  });
}

/** What is wrong, in full, when a command did not end as it must. */
export function must(result: CommandResult, what: string): CommandResult {
  if (result.code !== 0)
    throw new Error(`${what} ended with ${result.code}\n${result.stdout}\n${result.stderr}`);
  return result;
}

export class TestCluster {
  readonly name: string;
  readonly #port: number;
  readonly #root: string;

  constructor(options: { name: string; port: number; root?: string }) {
    this.name = options.name;
    this.#port = options.port;
    this.#root = options.root ?? root;
  }

  get state(): string {
    return join(this.#root, `.cluster-${this.name}`);
  }

  get kubeconfig(): string {
    return join(this.state, 'kubeconfig');
  }

  up(...flags: string[]): Promise<CommandResult> {
    return runToEnd(join(this.#root, 'deploy/up'), [
      '--name',
      this.name,
      '--port',
      String(this.#port),
      ...flags,
    ]);
  }

  down(...flags: string[]): Promise<CommandResult> {
    return runToEnd(join(this.#root, 'deploy/down'), ['--name', this.name, ...flags]);
  }

  async host(...operands: string[]): Promise<CommandResult> {
    return must(
      await runToEnd(join(this.#root, 'deploy/host'), [...operands, '--name', this.name]),
      `deploy/host ${operands.join(' ')}`,
    );
  }

  /** The real kubectl, whatever its exit status. */
  kubectl(args: readonly string[], input?: string): Promise<CommandResult> {
    return runToEnd(realClient('kubectl'), args, {
      environment: { KUBECONFIG: this.kubeconfig },
      ...(input === undefined ? {} : { input }),
    });
  }

  /** Standard output of the real kubectl. @throws when it does not end with 0. */
  async kubectlOut(...args: string[]): Promise<string> {
    return must(await this.kubectl(args), `kubectl ${args.join(' ')}`).stdout;
  }

  async objects<T>(...args: string[]): Promise<T[]> {
    const answer = JSON.parse(await this.kubectlOut('get', ...args, '-o', 'json')) as { items?: T[] };
    return answer.items ?? [answer as T];
  }

  /** The pid of a process of the cluster, e.g. `apiserver-1`. */
  pid(unit: string): number | undefined {
    const file = join(this.state, 'run', `${unit}.pid`);
    return existsSync(file) ? Number(readFileSync(file, 'utf8').trim()) : undefined;
  }

  /** Takes the bridge's end of `host-N`'s link down, as `deploy/host kill` and `cut` do first. */
  async unplug(host: string): Promise<void> {
    const link = `${this.name}-h${host.replace('host-', '')}`;
    must(
      await runToEnd('ip', ['-netns', `${this.name}.wire`, 'link', 'set', link, 'down']),
      `unplug ${host}`,
    );
  }

  /** name -> address of every host. */
  async addresses(): Promise<Map<string, string>> {
    const rows = (await this.host('ls')).stdout.trim().split('\n').slice(1);
    return new Map(rows.map((row) => row.split(/\s+/)).map(([name = '', address = '']) => [name, address]));
  }
}

export interface HttpAnswer {
  readonly status: number;
  readonly pod: string;
  readonly body: string;
}

/** One GET over a fresh connection. @throws the connection's error, or a time-out after `timeoutMs`. */
export function httpGet(
  address: string,
  options: { path?: string; port?: number; timeoutMs?: number } = {},
): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        host: address,
        port: options.port ?? 80,
        path: options.path ?? '/',
        agent: false,
        timeout: options.timeoutMs ?? 1_000,
      },
      (response) => {
        let body = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          body += chunk;
        });
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, pod: String(response.headers['x-pod'] ?? ''), body }),
        );
      },
    );
    call.once('timeout', () => call.destroy(new Error('time-out')));
    call.once('error', reject);
    call.end();
  });
}
