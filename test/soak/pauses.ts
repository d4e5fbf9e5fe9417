/** Ten minutes of random pauses: SIGSTOP of up to 4 s on any control-plane process and any agent. No pod may move. */
import { nodes, pods } from '../../api/generated/resources.ts';
import { seededRandom } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';
import { must, TestCluster } from '../e2e/cluster.ts';
import { LoadClient } from '../e2e/load.ts';
import { connectTo } from '../e2e/losses.ts';
import { eventually } from '../support/eventually.ts';

const minutes = Number(process.env['SOAK_MINUTES'] ?? 10);
const seed = Number(process.env['SEED'] ?? 1);
const longestPauseMs = 4_000;
const units = [
  'etcd-1',
  'apiserver-1',
  'scheduler-1',
  'controllers-1',
  'detector-1',
  'node-agent-1',
  'node-agent-2',
  'node-agent-3',
];
const cluster = new TestCluster({ name: 'soak', port: 16_461 });

/** uid, node and restarts of every pod: what must not change. */
async function placements(client: ApiClient): Promise<string[]> {
  const { items } = await client.list(pods);
  return items
    .map(
      (pod) => `${pod.metadata.uid} ${pod.spec.nodeName} ${pod.status?.containerStatuses?.[0]?.restartCount}`,
    )
    .sort();
}

const passed = (fromMs: number): number => performance.now() - fromMs;

async function pauseOnce(random: { next(): number }): Promise<string> {
  const unit = units[Math.floor(random.next() * units.length)] ?? 'etcd-1';
  const pauseMs = Math.round(random.next() * longestPauseMs);
  const pid = cluster.pid(unit) ?? 0;
  process.kill(pid, 'SIGSTOP');
  const startMs = performance.now();
  try {
    await eventually(
      () => {
        if (passed(startMs) < pauseMs) throw new Error('paused');
      },
      pauseMs * 2 + 1_000,
    );
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return `${unit} for ${pauseMs} ms`;
}

async function soak(): Promise<void> {
  await cluster.down();
  must(await cluster.up(), 'deploy/up');
  const client = await connectTo(cluster);
  const load = new LoadClient([...(await cluster.addresses()).values()], 10);
  try {
    const before = await placements(client);
    const random = seededRandom(seed);
    const startMs = performance.now();
    let pauses = 0;
    while (passed(startMs) < minutes * 60_000) {
      const what = await pauseOnce(random);
      pauses += 1;
      const now = await eventually(() => placements(client), 30_000);
      if (now.join() !== before.join())
        throw new Error(
          `pods moved after pausing ${what} (SEED=${seed}, pause ${pauses})\n${before.join('\n')}\n->\n${now.join('\n')}`,
        );
    }
    const silent = (await client.list(nodes)).items.flatMap((node) => node.spec?.taints ?? []);
    if (silent.length > 0) throw new Error(`taints are left: ${JSON.stringify(silent)}`);
    await load.stop();
    const failed = load.failuresSince(0);
    process.stdout.write(
      `${pauses} pauses in ${minutes} minutes, no pod moved; ${failed.length} of ${load.asked.length} requests failed\n`,
    );
    if (failed.length > 0) throw new Error(`requests failed: ${JSON.stringify(failed.slice(0, 5))}`);
  } finally {
    await load.stop();
    client.close();
    await cluster.down();
  }
}

await soak();
