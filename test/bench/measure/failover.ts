import type { ApiClient } from '../../../client/client.ts';
import type { TestCluster } from '../../e2e/cluster.ts';
import { type Loss, loseHost, restoreHost } from '../../e2e/losses.ts';
import type { Figure } from './figures.ts';

/** Kills one host after another under load. Seconds are counted from the loss of its link. */
export async function failoverFigures(
  cluster: TestCluster,
  client: ApiClient,
  runs: number,
): Promise<Figure[]> {
  const losses: Loss[] = [];
  for (let run = 0; run < runs; run += 1) {
    const host = `host-${(run % 3) + 1}`;
    losses.push(await loseHost(cluster, client, host, 'kill'));
    await restoreHost(cluster, client, host, 'start');
  }
  const figure = { unit: 's' } as const;
  return [
    {
      ...figure,
      name: 'host killed: last failed request',
      values: losses.map((loss) => loss.lastFailureMs / 1_000),
      goal: 2,
      elsewhere: '5.5 - 7.7 s',
    },
    {
      ...figure,
      name: 'host killed: replacements Ready',
      values: losses.map((loss) => loss.readyMs / 1_000),
      goal: 5,
      elsewhere: '16.6 s',
    },
  ];
}
