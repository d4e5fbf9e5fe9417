import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ApiServerProcess } from '../../support/api-server-process.ts';
import { EtcdProcess } from '../../support/etcd-process.ts';
import { root } from '../../tidy/source-files.ts';
import { ApiLoad, usageOf } from './api-load.ts';
import type { Figure } from './figures.ts';

export interface Cost {
  readonly seconds: number;
  /** Of all API servers together. */
  readonly cpuMs: number;
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
  #servers = 1;

  private constructor(etcd: EtcdProcess, server: ApiServerProcess, clients: number) {
    this.etcd = etcd;
    this.server = server;
    this.load = new ApiLoad(server.directory, server.port, clients);
  }

  static async start(clients: number): Promise<ApiBench> {
    const program = builtApiServer();
    const etcd = await EtcdProcess.start({ fsync: true });
    const server = await ApiServerProcess.start({ etcdServers: etcd.url, program });
    return new ApiBench(etcd, server, clients);
  }

  /** Starts another server on the same store and port. */
  async startAnother(): Promise<void> {
    await this.server.launch();
    this.#servers += 1;
  }

  get residentMb(): number {
    return usageOf(this.server.pid() ?? 0).residentMb;
  }

  /** The most memory that the server has ever held. */
  get peakMb(): number {
    const status = readFileSync(`/proc/${this.server.pid()}/status`, 'utf8');
    return (Number(/^VmHWM:\s*(\d+)/m.exec(status)?.[1] ?? 0) * 1_024) / 1e6;
  }

  async cost(work: () => Promise<unknown>): Promise<Cost> {
    const [before, start] = [this.#cpuMs(), performance.now()];
    await work();
    return { seconds: (performance.now() - start) / 1_000, cpuMs: this.#cpuMs() - before };
  }

  add(name: string, unit: Figure['unit'], value: number, goal?: number, elsewhere?: string): void {
    const optional = {
      ...(goal === undefined ? {} : { goal }),
      ...(elsewhere === undefined ? {} : { elsewhere }),
    };
    this.figures.push({ name, unit, values: [value], ...optional });
  }

  /** p99.9 of the event loop's delay, of all that was done so far: `/metrics` tells it since it was asked last. */
  async loopDelayMs(): Promise<number> {
    const text = (await this.load.ask('GET', '/metrics')).toString();
    return Number(/^nodejs_eventloop_lag_p999_seconds (\S+)$/m.exec(text)?.[1] ?? Number.NaN) * 1_000;
  }

  async stop(): Promise<void> {
    this.load.close();
    await this.server.stop();
    await this.etcd.stop();
  }

  #cpuMs(): number {
    let sum = 0;
    for (let nth = 0; nth < this.#servers; nth += 1) sum += usageOf(this.server.pid(nth) ?? 0).cpuMs;
    return sum;
  }
}
