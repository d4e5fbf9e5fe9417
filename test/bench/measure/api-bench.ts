import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiServerProcess } from '../../support/api-server-process.ts';
import { EtcdProcess } from '../../support/etcd-process.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/free-port.ts';
import { root } from '../../tidy/source-files.ts';
import { ApiLoad, usageOf } from './api-load.ts';
import type { Figure } from './figures.ts';

export interface Cost<T = unknown> {
  readonly seconds: number;
  /** Of all API servers together. */
  readonly cpuMs: number;
  /** What the work gave. */
  readonly result: T;
}

/** Programs as they are installed: bundled. */
export function builtApiServer(): string {
  execFileSync(process.execPath, [join(root, 'deploy/build.mjs')], { cwd: root });
  return join(root, 'dist/apiserver/main.js');
}

/** One etcd with fsync, the API server on it as a process of its own, and what is measured of it. */
export class ApiBench {
  readonly figures: Figure[] = [];
  readonly etcd: EtcdProcess;
  readonly server: ApiServerProcess;
  readonly load: ApiLoad;
  readonly #clients: number;
  readonly #otherLoads: ApiLoad[] = [];
  readonly #delays: { readonly name: string; readonly delayMs: number }[] = [];
  /** Numbers of the servers that run. */
  #running: readonly number[] = [0];

  private constructor(etcd: EtcdProcess, server: ApiServerProcess, clients: number) {
    this.etcd = etcd;
    this.server = server;
    this.#clients = clients;
    this.load = new ApiLoad(server.directory, server.port, clients);
  }

  static async start(clients: number, program: string): Promise<ApiBench> {
    const etcd = await EtcdProcess.start({ fsync: true });
    const server = await ApiServerProcess.start({ etcdServers: etcd.url, program });
    return new ApiBench(etcd, server, clients);
  }

  /** Starts another server on the same store; clients of it alone. */
  async startAnother(): Promise<ApiLoad> {
    const port = await freePort();
    await this.server.launch(undefined, port);
    this.#running = [...this.#running, this.#running.length];
    const load = new ApiLoad(this.server.directory, port, this.#clients);
    this.#otherLoads.push(load);
    await eventually(() => load.send('GET', '/readyz'));
    return load;
  }

  get residentMb(): number {
    return usageOf(this.server.pid() ?? 0).residentMb;
  }

  /** The most memory that the server has ever held. */
  get peakMb(): number {
    const status = readFileSync(`/proc/${this.server.pid()}/status`, 'utf8');
    return (Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1_024) / 1e6;
  }

  /** @param servers those whose CPU counts, by the order in which they were started; all by default */
  async cost<T>(work: () => Promise<T>, servers: readonly number[] = this.#running): Promise<Cost<T>> {
    const [before, start] = [this.#cpuMs(servers), performance.now()];
    const result = await work();
    return { seconds: (performance.now() - start) / 1_000, cpuMs: this.#cpuMs(servers) - before, result };
  }

  /** Does `work`; how long the server's event loop let others wait meanwhile is told at the end of the table. */
  async phase<T>(name: string, work: () => Promise<T>): Promise<T> {
    await this.#loopDelayMs();
    const result = await work();
    this.#delays.push({ name, delayMs: await this.#loopDelayMs() });
    return result;
  }

  reportDelays(): void {
    for (const { name, delayMs } of this.#delays) this.add(`event loop, p99.9: ${name}`, 'ms', delayMs, 50);
    const worst = Math.max(...this.#delays.map(({ delayMs }) => delayMs));
    this.add('event loop, p99.9 of the worst phase', 'ms', worst, 50);
  }

  add(name: string, unit: Figure['unit'], value: number, goal?: number, elsewhere?: string): void {
    const optional = {
      ...(goal === undefined ? {} : { goal }),
      ...(elsewhere === undefined ? {} : { elsewhere }),
    };
    this.figures.push({ name, unit, values: [value], ...optional });
  }

  /** A gauge of `/metrics`. */
  async gauge(name: string): Promise<number> {
    const text = (await this.load.ask('GET', '/metrics')).toString();
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  }

  /** p99.9 of the event loop's delay since it was asked last. */
  async #loopDelayMs(): Promise<number> {
    return (await this.gauge('nodejs_eventloop_lag_p999_seconds')) * 1_000;
  }

  async stop(): Promise<void> {
    for (const load of [this.load, ...this.#otherLoads]) load.close();
    await this.server.stop();
    await this.etcd.stop();
  }

  #cpuMs(servers: readonly number[]): number {
    let sum = 0;
    for (const nth of servers) sum += usageOf(this.server.pid(nth) ?? 0).cpuMs;
    return sum;
  }
}
