import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePorts } from '../../deploy/ports.ts';
import { eventually, FinalError, startDeadlineMs } from './eventually.ts';

export interface EtcdOptions {
  /** Default: etcd's. */
  readonly quotaBytes?: number;
  /** Write through to the disk, as a store in use does. */
  readonly fsync?: boolean;
  /** Serve TLS with a certificate that etcd makes itself. */
  readonly tls?: boolean;
}

/** A real etcd of one member on free loopback ports, its data in a directory of its own. */
export class EtcdProcess {
  readonly url: string;
  readonly port: number;
  readonly #peerPort: number;
  readonly #directory: string;
  readonly #options: EtcdOptions;
  #process: ChildProcess | undefined;

  private constructor(options: {
    port: number;
    peerPort: number;
    directory: string;
    options: EtcdOptions;
  }) {
    this.port = options.port;
    this.#peerPort = options.peerPort;
    const scheme = options.options.tls === true ? 'https' : 'http';
    this.url = `${scheme}://127.0.0.1:${options.port}`;
    this.#directory = options.directory;
    this.#options = options.options;
  }

  static async start(options: EtcdOptions = {}): Promise<EtcdProcess> {
    const [port = 0, peerPort = 0] = await freePorts(2);
    const etcd = new EtcdProcess({
      port,
      peerPort,
      directory: mkdtempSync(join(tmpdir(), 'coracle-etcd-')),
      options,
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
        ...['--name', 'test', '--data-dir', this.#directory, '--log-level', 'error'],
        ...(this.#options.fsync === true ? [] : ['--unsafe-no-fsync']),
        ...['--quota-backend-bytes', String(this.#options.quotaBytes ?? 0)],
        ...(this.#options.tls === true ? ['--auto-tls'] : []),
        ...['--listen-client-urls', this.url, '--advertise-client-urls', this.url],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ...['--initial-cluster', `test=${peerUrl}`],
      ],
      { stdio: 'ignore' },
    );
    this.#process = child;
    // Also when the test program fails before it can stop it.
    process.once('exit', () => child.kill('SIGKILL'));
    await eventually(async () => {
      if (child.exitCode !== null) throw new FinalError(`etcd ended with exit code ${child.exitCode}`);
      await this.#requireHealth();
    }, startDeadlineMs);
  }

  async #requireHealth(): Promise<void> {
    if (this.#options.tls === true) {
      readFileSync(this.certificateFile);
      return;
    }
    const response = await fetch(`${this.url}/health`);
    if (!response.ok) throw new Error('etcd is not healthy yet');
  }

  /** The self-signed certificate that it serves TLS with. */
  get certificateFile(): string {
    return join(this.#directory, 'fixtures', 'client', 'cert.pem');
  }

  get pid(): number | undefined {
    return this.#process?.pid;
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
