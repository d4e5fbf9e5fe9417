/** Ten kills in a row, each healed by `start`, and five cuts, under load: every one within its bounds. */

import { must, TestCluster } from '../e2e/cluster.ts';
import { connectTo, describeLoss, loseHost, restoreHost } from '../e2e/losses.ts';

const bounds = { lastFailureMs: 2_000, readyMs: 5_000 };
const cluster = new TestCluster({ name: 'soakloss', port: 16_462 });
const rounds = [
  ...Array.from(
    { length: 10 },
    (_, index) => ({ host: `host-${(index % 3) + 1}`, how: 'kill', back: 'start' }) as const,
  ),
  ...Array.from(
    { length: 5 },
    (_, index) => ({ host: `host-${(index % 3) + 1}`, how: 'cut', back: 'heal' }) as const,
  ),
];

await cluster.down();
try {
  must(await cluster.up(), 'deploy/up');
  const client = await connectTo(cluster);
  const late: string[] = [];
  for (const { host, how, back } of rounds) {
    const loss = await loseHost(cluster, client, host, how);
    process.stdout.write(describeLoss(host, how, loss));
    if (loss.lastFailureMs >= bounds.lastFailureMs || loss.readyMs >= bounds.readyMs)
      late.push(`${host} ${how}`);
    await restoreHost(cluster, client, host, back);
  }
  client.close();
  if (late.length > 0) throw new Error(`out of bounds: ${late.join(', ')}`);
} finally {
  await cluster.down();
}
