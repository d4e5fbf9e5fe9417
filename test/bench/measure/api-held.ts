import type { AnyObject } from '../../../api/kind-info.ts';
import { EtcdStorage } from '../../../apiserver/storage/etcd/etcd-storage.ts';
import type { StoragePut } from '../../../apiserver/storage/storage.ts';
import { silentLogger } from '../../../base/logger.ts';
import { ApiServerProcess } from '../../support/api-server-process.ts';
import { EtcdProcess } from '../../support/etcd-process.ts';
import { ApiLoad, benchPod, usageOf } from './api-load.ts';
import type { Figure } from './figures.ts';

const perCall = 1_000;
const quotaBytes = 4 * 1024 ** 3;

function podPut(index: number): StoragePut {
  const name = `pod-${String(index).padStart(6, '0')}`;
  const pod = benchPod(name) as AnyObject & { spec: object };
  const metadata = { ...pod.metadata, namespace: 'default', uid: `00000000-0000-4000-8000-${name}` };
  const spec = { ...pod.spec, nodeName: `node-${index % 5_000}` };
  // About what the server adds to such a pod: defaults and field owners.
  const status = { phase: 'Running', message: 'x'.repeat(600) };
  const object = { ...pod, metadata, spec, status } as AnyObject;
  return { type: 'put', key: `/registry/pods/default/${name}`, object, expected: 0 };
}

async function fill(url: string, pods: number): Promise<void> {
  const storage = new EtcdStorage({ endpoints: [url], logger: silentLogger });
  for (let at = 0; at < pods; at += perCall)
    await storage.commitEach(Array.from({ length: perCall }, (_, index) => podPut(at + index)));
  await storage.close();
}

const gaugeOf = (metrics: string, name: string): number =>
  Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? 0);

async function measureStart(options: {
  readonly program: string;
  readonly url: string;
  /** Stored before it starts. */
  readonly pods: number;
  readonly goals: { readonly seconds: number; readonly mb: number };
}): Promise<Figure[]> {
  const { program, url, pods, goals } = options;
  const start = performance.now();
  const server = await ApiServerProcess.start({ etcdServers: url, program, readyMs: 120_000 });
  const seconds = (performance.now() - start) / 1_000;
  const load = new ApiLoad(server.directory, server.port, 1);
  try {
    const used = usageOf(server.pid() ?? 0);
    const metrics = (await load.ask('GET', '/metrics')).toString();
    const held = gaugeOf(metrics, 'apiserver_storage_objects\\{resource="pods"\\}');
    if (held !== pods) throw new Error(`${held} of ${pods} pods are held`);
    const what = pods === 0 ? 'empty' : `${pods} pods`;
    const delayMs = gaugeOf(metrics, 'nodejs_eventloop_lag_p999_seconds') * 1_000;
    const elsewhere = pods === 0 ? { elsewhere: '2.4 s' } : {};
    return [
      { name: `ready, ${what}`, unit: 's', values: [seconds], goal: goals.seconds, ...elsewhere },
      { name: `ready, ${what}, CPU`, unit: 's', values: [used.cpuMs / 1_000], goal: goals.seconds },
      { name: `memory, ${what}`, unit: 'MB', values: [used.residentMb], goal: goals.mb },
      { name: `event loop, p99.9: until ready, ${what}`, unit: 'ms', values: [delayMs], goal: 50 },
    ];
  } finally {
    load.close();
    await server.stop();
  }
}

/** What the server holds and how soon it is ready, empty and with many pods. */
export async function measureHeld(program: string, pods: number): Promise<Figure[]> {
  const etcd = await EtcdProcess.start({ quotaBytes });
  try {
    const common = { program, url: etcd.url };
    const empty = await measureStart({ ...common, pods: 0, goals: { seconds: 1, mb: 130 } });
    await fill(etcd.url, pods);
    return [...empty, ...(await measureStart({ ...common, pods, goals: { seconds: 8, mb: 900 } }))];
  } finally {
    await etcd.stop();
  }
}
