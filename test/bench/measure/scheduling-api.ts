/** The scheduler as a process, through the API server with TLS and a real etcd. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { nodes, pods, priorityclasses, services } from '../../../api/generated/resources.ts';
import { delay, systemClock } from '../../../base/clock.ts';
import { silentLogger } from '../../../base/logger.ts';
import { systemRandom } from '../../../base/random.ts';
import type { ApiClient } from '../../../client/client.ts';
import { Informer } from '../../../client/informer.ts';
import { nodeOptionsOf } from '../../../deploy/node-options.ts';
import { ApiServerProcess } from '../../support/api-server-process.ts';
import { EtcdProcess } from '../../support/etcd-process.ts';
import { eventually } from '../../support/eventually.ts';
import { aNode, aPod, type PodDraft } from '../../support/scheduling-objects.ts';
import { ensureServiceAccount } from '../../support/service-account.ts';

const concurrency = 64;
const churnPeriodMs = 200;
/** New nodes are tainted until a controller sees them Ready; here there is none. */
const tolerations = [{ key: 'node.kubernetes.io/not-ready', operator: 'Exists' }];

export interface Backlog {
  readonly podsPerSecond: number;
  /** CPU time a pod. */
  readonly schedulerMicros: number;
  readonly apiserverMicros: number;
}

/** A cluster of Node objects without agents, and one scheduler. */
export class SchedulingBench {
  readonly #etcd: EtcdProcess;
  readonly #server: ApiServerProcess;
  readonly #client: ApiClient;
  readonly #abort = new AbortController();
  readonly #bound = new Map<string, number>();
  #scheduler: ChildProcess | undefined;
  #watching: Promise<void> = Promise.resolve();
  #wake: () => void = () => undefined;

  private constructor(etcd: EtcdProcess, server: ApiServerProcess, client: ApiClient) {
    this.#etcd = etcd;
    this.#server = server;
    this.#client = client;
  }

  static async start(nodeCount: number): Promise<SchedulingBench> {
    const etcd = await EtcdProcess.start();
    const server = await ApiServerProcess.start({ etcdServers: etcd.url });
    const client = await server.client();
    await ensureServiceAccount(client);
    const bench = new SchedulingBench(etcd, server, client);
    await client.create(priorityclasses, {
      ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: { name: 'high' }, value: 10 },
    });
    await inParallel(nodeCount, async (i) => {
      const labels = { zone: `zone-${i % 10}` };
      const node = aNode({ name: `n${i}`, cpu: '64', pods: 1_000, labels });
      await client.create(nodes, { ...node, metadata: { name: `n${i}`, labels: node.metadata.labels } });
    });
    bench.#watching = bench.#watch();
    bench.#startScheduler();
    await bench.bind('warm-up', 1, {});
    return bench;
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#watching;
    await this.#endScheduler();
    await this.#server.stop();
    await this.#etcd.stop();
  }

  /** Creates pods and waits until a watcher has seen all of them bound. @returns when each was created and bound */
  async bind(prefix: string, count: number, draft: PodDraft): Promise<readonly [number, number][]> {
    const created = new Map<string, number>();
    await inParallel(count, async (i) => {
      created.set(`${prefix}-${i}`, performance.now());
      await this.#create(`${prefix}-${i}`, draft);
    });
    await this.#whenBound(prefix, count);
    return [...created].map(([name, atMs]) => [atMs, this.#bound.get(name) ?? Number.NaN]);
  }

  /** From letting the scheduler go to the last binding seen. `meanwhile` runs from then until the last one. */
  async backlog(
    prefix: string,
    count: number,
    draft: (i: number) => PodDraft,
    meanwhile?: (until: AbortSignal) => Promise<void>,
  ): Promise<Backlog> {
    this.#scheduler?.kill('SIGSTOP');
    await inParallel(count, (i) => this.#create(`${prefix}-${i}`, draft(i)));
    const startMs = performance.now();
    const before = this.#cpuSeconds();
    this.#scheduler?.kill('SIGCONT');
    const abort = new AbortController();
    const beside = meanwhile?.(abort.signal);
    await this.#whenBound(prefix, count);
    const seconds = (performance.now() - startMs) / 1_000;
    const after = this.#cpuSeconds();
    abort.abort();
    await beside;
    const perPod = (left: number, right: number): number => (1e6 * (right - left)) / count;
    return {
      podsPerSecond: count / seconds,
      schedulerMicros: perPod(before.scheduler, after.scheduler),
      apiserverMicros: perPod(before.apiserver, after.apiserver),
    };
  }

  /** Pods that no node will take, and that the scheduler has said so of. */
  async createUnschedulable(prefix: string, count: number): Promise<void> {
    await inParallel(count, (i) => this.#create(`${prefix}-${i}`, { cpu: '9000' }));
    await eventually(async () => {
      const { items } = await this.#client.list(pods, {
        namespace: 'default',
        fieldSelector: 'spec.nodeName=',
      });
      const told = items.filter(({ status }) =>
        status?.conditions?.some(({ reason }) => reason === 'Unschedulable'),
      );
      if (told.length < count) throw new Error(`${told.length} of ${count} are unschedulable`);
    }, 60_000);
  }

  /** What scheduler_perf churns with: a node, a large pod of high priority and a service come and go, again and again. */
  async churn(until: AbortSignal): Promise<void> {
    for (let i = 0; !until.aborted; i += 1) {
      const name = `churn-${i}`;
      const namespace = 'default';
      const { spec } = aPod({ name, cpu: '9000' });
      const node = aNode({ name, cpu: '4' });
      const ports = [{ port: 80 }];
      await Promise.all([
        this.#client.create(nodes, { ...node, metadata: { name, labels: node.metadata.labels } }),
        this.#client.create(pods, {
          ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace } },
          spec: { ...spec, tolerations, priorityClassName: 'high' },
        }),
        this.#client.create(services, {
          ...{ apiVersion: 'v1', kind: 'Service', metadata: { name, namespace }, spec: { ports } },
        }),
      ]);
      await delay(systemClock, churnPeriodMs, until);
      await this.#client.delete(pods, { name, namespace }, { gracePeriodSeconds: 0 });
      await this.#client.delete(services, { name, namespace });
      await this.#client.delete(nodes, { name });
    }
  }

  /** A new scheduler process: seconds until it has bound a pod that waits. */
  async restart(name: string): Promise<number> {
    await this.#endScheduler();
    await this.#create(name, {});
    const startMs = performance.now();
    this.#startScheduler();
    while (!this.#bound.has(name)) await this.#nextBound();
    return (performance.now() - startMs) / 1_000;
  }

  /** Pods that nobody schedules, created a second. */
  async createRate(prefix: string, count: number): Promise<number> {
    const startMs = performance.now();
    await inParallel(count, (i) => this.#create(`${prefix}-${i}`, { spec: { schedulerName: 'nobody' } }));
    return (count * 1_000) / (performance.now() - startMs);
  }

  async removePods(): Promise<void> {
    await this.#client.deleteCollection(pods, { namespace: 'default' }, { gracePeriodSeconds: 0 });
  }

  /** CPU seconds so far of scheduler and API server. */
  #cpuSeconds(): { readonly scheduler: number; readonly apiserver: number } {
    return { scheduler: cpuOf(this.#scheduler?.pid), apiserver: cpuOf(this.#server.pid()) };
  }

  schedulerMegabytes(): number {
    const status = readFileSync(`/proc/${this.#scheduler?.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]) / 1_024;
  }

  async #create(name: string, draft: PodDraft): Promise<void> {
    const { spec, metadata } = aPod({ name, cpu: '1m', memory: '1Ki', ...draft });
    const { namespace, labels, ownerReferences } = metadata;
    await this.#client.create(pods, {
      ...{ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace, labels, ownerReferences } },
      spec: { ...spec, tolerations },
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

  /** An informer, because a stream that falls behind is closed and has to be begun again. */
  #watch(): Promise<void> {
    const informer = new Informer({
      ...{ client: this.#client, type: pods, selection: { namespace: 'default' } },
      ...{ clock: systemClock, random: systemRandom, logger: silentLogger },
    });
    const look = ({ metadata: { name }, spec: { nodeName = '' } }: Pod): void => {
      if (nodeName === '' || this.#bound.has(name)) return;
      this.#bound.set(name, performance.now());
      this.#wake();
    };
    informer.addHandler({ onAdd: look, onUpdate: (_previous, pod) => look(pod) });
    return informer.run(this.#abort.signal);
  }

  /** Looks at each pod once: what has been seen bound is not asked about again. */
  async #whenBound(prefix: string, count: number): Promise<void> {
    for (let i = 0; i < count; i += 1) while (!this.#bound.has(`${prefix}-${i}`)) await this.#nextBound();
  }

  #nextBound(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

async function inParallel(count: number, work: (i: number) => Promise<void>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const i = next;
      next += 1;
      await work(i);
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, count) }, worker));
}

const ticksPerSecond = 100;

function cpuOf(pid: number | undefined): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
