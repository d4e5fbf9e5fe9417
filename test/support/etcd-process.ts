import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from './eventually.ts';

/** A real etcd of one member on free loopback ports, its data in a directory of its own. */
export class EtcdProcess {
  readonly url: string;
  readonly port: number;
  readonly #peerPort: number;
  readonly #directory: string;
  /** 0: etcd's default. */
  readonly #quotaBytes: number;
  #process: ChildProcess | undefined;

  private constructor(options: {
    port: number;
    peerPort: number;
    directory: string;
    quotaBytes: number;
  }) {
    this.port = options.port;
    this.#peerPort = options.peerPort;
    this.url = `http://127.0.0.1:${options.port}`;
    this.#directory = options.directory;
    this.#quotaBytes = options.quotaBytes;
  }

  static async start(options: { readonly quotaBytes?: number } = {}): Promise<EtcdProcess> {
    const [port = 0, peerPort = 0] = await freePorts(2);
    const etcd = new EtcdProcess({
      port,
      peerPort,
      directory: mkdtempSync(join(tmpdir(), 'coracle-etcd-')),
      quotaBytes: options.quotaBytes ?? 0,
    });
    await etcd.launch();
    return etcd;
  }

  /** Starts it again, with the data it has. */
  async launch(): Promise<void> {
    const peerUrl = `http://127.0.0.1:${this.#peerPort}`;
    const child = spawn(
      'etcd',
      [
        ...['--name', 'test', '--data-dir', this.#directory, '--unsafe-no-fsync', '--log-level', 'error'],
        ...['--quota-backend-bytes', String(this.#quotaBytes)],
        ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ...['--initial-cluster', `test=${peerUrl}`],
      ],
      { stdio: 'ignore' },
    );
    this.#process = child;
    await eventually(async () => {
      if (child.exitCode !== null) throw new Error(`etcd ended with exit code ${child.exitCode}`);
      const response = await fetch(`${this.url}/health`);
      if (!response.ok) throw new Error('etcd is not healthy yet');
    });
  }

  signal(name: 'SIGSTOP' | 'SIGCONT'): void {
    this.#process?.kill(name);
  }

  /** As a crash: no chance to finish anything. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    child.kill('SIGKILL');
    await ended;
  }

  /** Forgets all data; the next launch is an empty store. */
  erase(): void {
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async stop(): Promise<void> {
    await this.kill();
    this.erase();
  }
}

/** Ports that are free now; all are held until all are known, so that they differ. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer();
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      return server;
    }),
  );
  const ports = servers.map((server) => {
    const address = server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  });
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
