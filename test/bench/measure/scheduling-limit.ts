import { pods } from '../../../api/generated/resources.ts';
import { prepareObject } from '../../../apiserver/storage/envelope.ts';
import { EtcdStorage } from '../../../apiserver/storage/etcd/etcd-storage.ts';
import { silentLogger } from '../../../base/logger.ts';
import { inParallel } from './api-load.ts';
import type { SchedulingBench } from './scheduling-api.ts';
import { namespaces } from './scheduling-workloads.ts';

const objects = 10_000;
/** As many as the scheduler binds in a request, and as many requests as it has in flight. */
const perTransaction = 100;
const inFlight = 8;

/** What the store takes at most: objects a second, each as large as a pod with a node, written a second time. */
export async function rewriteRate(bench: SchedulingBench): Promise<number> {
  const pod = await bench.client.get(pods, { name: 'warm-up-0', namespace: namespaces.measured });
  const storage = new EtcdStorage({ endpoints: [bench.etcd.url], tls: undefined, logger: silentLogger });
  try {
    const bytes = prepareObject({ ...pod });
    const versions = new Map<number, number>();
    const writeAll = (): Promise<unknown> =>
      inParallel(objects / perTransaction, inFlight, async (group) => {
        const writes = Array.from({ length: perTransaction }, (_, i) => {
          const at = group * perTransaction + i;
          const expected = versions.get(at) ?? 0;
          return { type: 'rewrite' as const, key: `/bench/raw-${at}`, bytes, expected };
        });
        for (const [i, stored] of (await storage.commitEach(writes)).entries()) {
          if ('conflict' in stored) throw new Error(`raw write ${i} met another`);
          versions.set(group * perTransaction + i, stored.version);
        }
      });
    await writeAll();
    const startMs = performance.now();
    await writeAll();
    return (objects * 1_000) / (performance.now() - startMs);
  } finally {
    await storage.close();
  }
}
