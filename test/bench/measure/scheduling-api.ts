/** The scheduler as a process, through the API server with TLS and an etcd that writes through to its disk. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  nodes,
  pods,
  priorityclasses,
  services,
  namespaces as spaces,
} from '../../../api/generated/resources.ts';
import { delay, systemClock } from '../../../base/clock.ts';
import type { ApiClient } from '../../../client/client.ts';
import { nodeOptionsOf } from '../../../deploy/node-options.ts';
import { ApiServerProcess } from '../../support/api-server-process.ts';
import { EtcdProcess } from '../../support/etcd-process.ts';
import { aPod, type PodDraft } from '../../support/scheduling-objects.ts';
import { ensureServiceAccount } from '../../support/service-account.ts';
import { inParallel, usageOf } from './api-load.ts';
import { BoundPods, decodePodLine } from './bound-pods.ts';
import { MachineUse } from './machine-use.ts';
import { createNodes, HollowNodes, labelNodes, requestsInFlight } from './scheduling-nodes.ts';
import { namespaces, perfPod } from './scheduling-workloads.ts';

/** Longer than an event waits for others. */
const quietMs = 500;

export interface Backlog {
  readonly podsPerSecond: number;
  /** CPU time a pod. */
  readonly schedulerMicros: number;
  readonly apiserverMicros: number;
  readonly etcdMicros: number;
  /** Of hollow nodes, the controllers and the detector together. */
  readonly agentsMicros: number;
  /** What programs that are none of the bench took of the machine meanwhile, in percent of it. */
  readonly othersPercent: number;
}

export interface BacklogOptions {
  readonly prefix: string;
  readonly count: number;
  readonly draft: (i: number) => PodDraft;
  /** Runs from letting the scheduler go until the last binding. */
  readonly meanwhile?: ((until: AbortSignal) => Promise<void>) | undefined;
}

/** A cluster of nodes and one scheduler. */
export class SchedulingBench {
  readonly etcd: EtcdProcess;
  readonly #server: ApiServerProcess;
  readonly client: ApiClient;
  readonly #nodeCount: number;
  readonly #abort = new AbortController();
  readonly #bound: BoundPods;
  readonly #there = new Set<string>();
  #hollow: HollowNodes | undefined;
  #scheduler: ChildProcess | undefined;
  #watching: Promise<void> = Promise.resolve();
  #zones: string | undefined;

  private constructor(options: {
    readonly etcd: EtcdProcess;
    readonly server: ApiServerProcess;
    readonly client: ApiClient;
    /** Its own connection: what is seen is not held up by what is created. */
    readonly watcher: ApiClient;
    readonly nodeCount: number;
  }) {
    this.etcd = options.etcd;
    this.#server = options.server;
    this.client = options.client;
    this.#bound = new BoundPods(options.watcher);
    this.#nodeCount = options.nodeCount;
  }

  static async start(nodeCount: number, kind: 'objects' | 'hollow' = 'objects'): Promise<SchedulingBench> {
    const etcd = await EtcdProcess.start({ fsync: true });
    const server = await ApiServerProcess.start({ etcdServers: etcd.url });
    const client = await server.client();
    const watcher = await server.client('admin', { decode: decodePodLine });
    const bench = new SchedulingBench({ etcd, server, client, watcher, nodeCount });
    for (const name of Object.values(namespaces)) {
      await client.create(spaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name }, spec: {} });
      await ensureServiceAccount(client, name);
    }
    await client.create(priorityclasses, {
      ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 10 },
    });
    if (kind === 'hollow') bench.#hollow = await HollowNodes.start(server, client, nodeCount);
    else await bench.#createNodes();
    bench.#watching = bench.#bound.run(bench.#abort.signal);
    bench.#startScheduler();
    await bench.bind('warm-up', 1);
    return bench;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#watching;
    await this.#endScheduler();
    this.#hollow?.stop();
    await this.#server.stop();
    await this.etcd.stop();
  }

  async #createNodes(): Promise<void> {
    await createNodes(this.client, this.#nodeCount);
    await this.arrange([]);
  }

  /** Gives the nodes these zones in turn. */
  async arrange(zones: readonly string[]): Promise<void> {
    if (this.#zones === zones.join()) return;
    this.#zones = zones.join();
    await labelNodes(this.client, this.#nodeCount, zones);
  }

  /** Creates pods and waits until a watcher has seen all of them bound. @returns when each was created and bound */
  async bind(
    prefix: string,
    count: number,
    draft: PodDraft = perfPod(),
  ): Promise<readonly [number, number][]> {
    const created = new Map<string, number>();
    await inParallel(count, requestsInFlight, async (i) => {
      created.set(`${prefix}-${i}`, performance.now());
      await this.#create(`${prefix}-${i}`, draft);
    });
    await this.#whenBound(prefix, count);
    return [...created].map(([name, atMs]) => [atMs, this.#bound.atMs(name) ?? Number.NaN]);
  }

  /** Pods that have their nodes before others come; those that are there already are not made again. */
  async ensureBound(prefix: string, count: number, draft: PodDraft): Promise<void> {
    if (this.#there.has(prefix)) return;
    this.#there.add(prefix);
    await this.bind(prefix, count, { ...draft, namespace: namespaces.before });
  }

  /** From letting the scheduler go to the last binding seen. */
  async backlog({ prefix, count, draft, meanwhile }: BacklogOptions): Promise<Backlog> {
    this.#scheduler?.kill('SIGSTOP');
    await inParallel(count, requestsInFlight, (i) => this.#create(`${prefix}-${i}`, draft(i)));
    const [before, use] = [this.#cpuMs(), new MachineUse()];
    const startMs = performance.now();
    this.#scheduler?.kill('SIGCONT');
    const abort = new AbortController();
    const beside = meanwhile?.(abort.signal);
    await this.#whenBound(prefix, count);
    const seconds = (performance.now() - startMs) / 1_000;
    const after = this.#cpuMs();
    const own = sum(after) - sum(before);
    const othersPercent = use.othersPercent(own);
    abort.abort();
    await beside;
    const perPod = (part: keyof typeof before): number => (1_000 * (after[part] - before[part])) / count;
    return {
      podsPerSecond: count / seconds,
      schedulerMicros: perPod('scheduler'),
      apiserverMicros: perPod('apiserver'),
      etcdMicros: perPod('etcd'),
      agentsMicros: perPod('agents'),
      othersPercent,
    };
  }

  /** What scheduler_perf churns with: every `periodMs` a node, a large pod and a service go, and others come. */
  async churn(periodMs: number, until: AbortSignal): Promise<void> {
    for (let i = 0; !until.aborted; i += 1) {
      const [name, namespace] = [`churn-${i}`, 'sched-1'];
      const ports = [{ port: 80 }];
      await Promise.all([
        this.client.create(nodes, {
          ...{ apiVersion: 'v1', kind: 'Node', metadata: { name }, spec: {} },
          status: { capacity: { pods: '0' } },
        }),
        this.#create(name, large),
        this.client.create(services, {
          ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports } },
        }),
      ]);
      await delay(systemClock, periodMs, until);
      await this.client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0 });
      await this.client.delete(services, { name, namespace });
      await this.client.delete(nodes, { name });
    }
  }

  /** Creates such a pod every `periodMs`. */
  async keepCreating(draft: PodDraft, periodMs: number, until: AbortSignal): Promise<void> {
    for (let i = 0; !until.aborted; i += 1) {
      await this.#create(`beside-${i}`, draft);
      await delay(systemClock, periodMs, until);
    }
  }

  /** A new scheduler process: seconds until it has bound a pod that waits. */
  async restart(name: string): Promise<number> {
    await this.#endScheduler();
    await this.#create(name, perfPod());
    const startMs = performance.now();
    this.#startScheduler();
    await this.#bound.whenBound(name);
    return (performance.now() - startMs) / 1_000;
  }

  /** Pods that nobody schedules, created a second. */
  async createRate(prefix: string, count: number): Promise<number> {
    const startMs = performance.now();
    const draft = perfPod({ spec: { schedulerName: 'nobody' } });
    await inParallel(count, requestsInFlight, (i) => this.#create(`${prefix}-${i}`, draft));
    return (count * 1_000) / (performance.now() - startMs);
  }

  async removePods(namespace: string): Promise<void> {
    await this.client.deleteCollection(pods, { namespace }, { gracePeriodSeconds: 0 });
    this.#bound.clear();
    if (namespace === namespaces.before) this.#there.clear();
  }

  /** CPU milliseconds so far. */
  #cpuMs(): Readonly<Record<'scheduler' | 'apiserver' | 'etcd' | 'agents' | 'bench', number>> {
    const of = (pid: number | undefined): number => (pid === undefined ? 0 : usageOf(pid).cpuMs);
    return {
      scheduler: of(this.#scheduler?.pid),
      apiserver: of(this.#server.pid()),
      etcd: of(this.etcd.pid),
      agents: (this.#hollow?.pids ?? []).reduce<number>((total, pid) => total + of(pid), 0),
      bench: of(process.pid),
    };
  }

  schedulerMegabytes(): number {
    const status = readFileSync(`/proc/${this.#scheduler?.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
  }

  async #create(name: string, draft: PodDraft): Promise<void> {
    const { spec, metadata } = aPod({ name, ...draft });
    const { namespace, labels, ownerReferences } = metadata;
    await this.client.create(pods, {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels, ownerReferences }, spec },
    });
  }

  async #endScheduler(): Promise<void> {
    const child = this.#scheduler;
    if (child === undefined) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  #startScheduler(): void {
    const main = join(import.meta.dirname, '../../../scheduler/main.ts');
    const flags = [`--kubeconfig=${this.#server.kubeconfig('scheduler')}`, '--leader-elect=false'];
    const args = [...nodeOptionsOf('scheduler'), main, ...flags, '--log-level=error'];
    this.#scheduler = spawn(process.execPath, args, { stdio: 'inherit' });
  }

  async #whenBound(prefix: string, count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) await this.#bound.whenBound(`${prefix}-${i}`);
  }

  /** Events are written behind what they tell of: resolves when no more come. */
  async whenTold(): Promise<void> {
    for (let [before, now] = [-1, 0]; before !== now; ) {
      await delay(systemClock, quietMs, this.#abort.signal);
      const { body } = await this.client.request({ method: 'GET', path: '/api/v1/events?limit=1' });
      const { items, metadata } = JSON.parse(body.toString());
      [before, now] = [now, items.length + (metadata.remainingItemCount ?? 0)];
    }
  }
}

/** scheduler_perf's pod that no node can take, of high priority. */
export const large: PodDraft = perfPod({ cpu: '9', spec: { priorityClassName: 'high' } });

const sum = (parts: Readonly<Record<string, number>>): number =>
  Object.values(parts).reduce((total, each) => total + each, 0);
