/**
 * What the API server holds and how soon it is ready, empty and with many pods:
 *
 *   node test/bench/api-held.ts [PODS]
 */
import type { AnyObject } from '../../api/kind-info.ts';
import { EtcdStorage } from '../../apiserver/storage/etcd/etcd-storage.ts';
import type { StoragePut } from '../../apiserver/storage/storage.ts';
import { silentLogger } from '../../base/logger.ts';
import { ApiServerProcess } from '../support/api-server-process.ts';
import { EtcdProcess } from '../support/etcd-process.ts';
import { builtApiServer } from './measure/api-bench.ts';
import { ApiLoad, benchPod, usageOf } from './measure/api-load.ts';
import { type Figure, report } from './measure/figures.ts';

const pods = Number(process.argv[2] ?? 150_000);
const perCall = 1_000;
const quotaBytes = 4 * 1024 ** 3;
const figures: Figure[] = [];

const add = (name: string, unit: Figure['unit'], value: number, goal: number, elsewhere?: string): void => {
  figures.push({ name, unit, values: [value], goal, ...(elsewhere === undefined ? {} : { elsewhere }) });
};

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

async function fill(url: string): Promise<void> {
  const storage = new EtcdStorage({ endpoints: [url], logger: silentLogger });
  for (let at = 0; at < pods; at += perCall)
    await storage.commitEach(Array.from({ length: perCall }, (_, index) => podPut(at + index)));
  await storage.close();
}

const program = builtApiServer();
const etcd = await EtcdProcess.start({ quotaBytes });

async function measure(
  what: string,
  goals: { readonly seconds: number; readonly mb: number },
): Promise<void> {
  const start = performance.now();
  const server = await ApiServerProcess.start({ etcdServers: etcd.url, program, readyMs: 120_000 });
  const seconds = (performance.now() - start) / 1_000;
  const load = new ApiLoad(server.directory, server.port, 1);
  try {
    const used = usageOf(server.pid() ?? 0);
    add(`ready, ${what}`, 's', seconds, goals.seconds, what === 'empty' ? '2.4 s' : undefined);
    add(`ready, ${what}, CPU`, 's', used.cpuMs / 1_000, goals.seconds);
    const metrics = (await load.ask('GET', '/metrics')).toString();
    const held = /^apiserver_storage_objects\{resource="pods"\} (\d+)$/m.exec(metrics)?.[1] ?? '0';
    if (what !== 'empty' && Number(held) !== pods) throw new Error(`${held} of ${pods} pods are held`);
    add(`memory, ${what}`, 'MB', used.residentMb, goals.mb);
    const delay = /^nodejs_eventloop_lag_p999_seconds (\S+)$/m.exec(metrics)?.[1];
    add(`event loop until ready, p99.9, ${what}`, 'ms', Number(delay) * 1_000, 50);
  } finally {
    load.close();
    await server.stop();
  }
}

try {
  await measure('empty', { seconds: 1, mb: 130 });
  await fill(etcd.url);
  await measure(`${pods} pods`, { seconds: 8, mb: 900 });
  report('api-held', figures, 'kube-apiserver 1.36');
} finally {
  await etcd.stop();
}
