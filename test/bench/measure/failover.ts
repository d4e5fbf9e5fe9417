import type { Pod } from '../../../api/generated/core-v1.ts';
import { pods } from '../../../api/generated/resources.ts';
import type { ApiClient } from '../../../client/client.ts';
import type { TestCluster } from '../../e2e/cluster.ts';
import { LoadClient } from '../../e2e/load.ts';
import { eventually } from '../../support/eventually.ts';
import type { Figure } from './figures.ts';

const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;

async function readyElsewhere(client: ApiClient, lost: string): Promise<number> {
  const found = (await client.list(pods, { namespace: 'default', labelSelector: 'app=nginx' })).items;
  return found.filter(
    (pod) => isReady(pod) && pod.spec.nodeName !== lost && pod.metadata.deletionTimestamp === undefined,
  ).length;
}

interface Loss {
  readonly lastFailure: number;
  readonly replaced: number;
}

async function lose(cluster: TestCluster, client: ApiClient, host: string): Promise<Loss> {
  const survivors = [...(await cluster.addresses())]
    .filter(([name]) => name !== host)
    .map(([, address]) => address);
  const load = new LoadClient(survivors);
  const lostMs = performance.now();
  await cluster.unplug(host);
  await cluster.host('kill', host);
  await eventually(async () => {
    if ((await readyElsewhere(client, host)) < 3) throw new Error('not replaced yet');
  }, 60_000);
  const replaced = (performance.now() - lostMs) / 1_000;
  await eventually(() => {
    if (performance.now() - lostMs < 6_000) throw new Error('watching for late failures');
  });
  await load.stop();
  const lastFailure = Math.max(
    0,
    ...load.failuresSince(lostMs).map((each) => (each.startMs - lostMs) / 1_000),
  );
  await cluster.host('start', host);
  await eventually(async () => {
    if ((await readyElsewhere(client, '')) < 3) throw new Error('not back yet');
  }, 60_000);
  return { lastFailure, replaced };
}

/** Kills one host after another under load. Seconds are counted from the loss of its link. */
export async function failoverFigures(
  cluster: TestCluster,
  client: ApiClient,
  runs: number,
): Promise<Figure[]> {
  const losses: Loss[] = [];
  for (let run = 0; run < runs; run += 1) losses.push(await lose(cluster, client, `host-${(run % 3) + 1}`));
  return [
    {
      name: 'host killed: last failed request',
      unit: 's',
      values: losses.map((loss) => loss.lastFailure),
      goal: 2,
      elsewhere: '5.5 - 7.7 s',
    },
    {
      name: 'host killed: replacements Ready',
      unit: 's',
      values: losses.map((loss) => loss.replaced),
      goal: 5,
      elsewhere: '16.6 s',
    },
  ];
}
