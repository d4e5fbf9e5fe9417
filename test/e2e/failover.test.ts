import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodes } from '../../api/generated/resources.ts';
import type { ClosableApiClient } from '../../client/http-client.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';
import { LoadClient } from './load.ts';
import { connectTo, describeLoss, isReady, loseHost, nginxPods, restoreHost } from './losses.ts';

const cluster = new TestCluster({ name: 'e2efail', port: 16_444 });
/** After this long no request through a surviving node may fail. */
const endpointsGoneMs = 2_000;
const replacedMs = 5_000;
let client: ClosableApiClient;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up(), 'deploy/up');
  client = await connectTo(cluster);
});
afterAll(async () => {
  client.close();
  must(await cluster.down(), 'deploy/down');
});

describe('losing a host under load', () => {
  it.each([
    ['host-1', 'kill', 'start'],
    ['host-2', 'cut', 'heal'],
    ['host-3', 'kill', 'start'],
    ['host-1', 'cut', 'heal'],
  ] as const)(
    '%s by %s: no request fails later than 2 s, replacements are Ready within 5 s, and it joins again',
    async (host, how, back) => {
      try {
        const result = await loseHost(cluster, client, host, how);
        process.stdout.write(describeLoss(host, how, result));
        expect(result.lastFailureMs).toBeLessThan(endpointsGoneMs);
        expect(result.readyMs).toBeLessThan(replacedMs);
      } finally {
        await restoreHost(cluster, client, host, back);
      }
    },
  );
});

describe('losing a process', () => {
  const uids = async (): Promise<string[]> =>
    (await nginxPods(client))
      .map(
        (pod) =>
          `${pod.metadata.uid} ${pod.spec.nodeName} ${pod.status?.containerStatuses?.[0]?.restartCount}`,
      )
      .sort();

  it.each(['apiserver-1', 'scheduler-1', 'controllers-1', 'detector-1', 'node-agent-1', 'node-guard-2'])(
    'killing %s moves no pod and fails no request',
    async (unit) => {
      const load = new LoadClient([...(await cluster.addresses()).values()]);
      try {
        const before = await uids();
        const pid = cluster.pid(unit) ?? 0;
        process.kill(pid, 'SIGKILL');
        await eventually(() => expect([undefined, pid]).not.toContain(cluster.pid(unit)));
        await eventually(async () => expect(await uids()).toEqual(before));
        await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=4');
        await eventually(
          async () => expect((await nginxPods(client)).filter(isReady)).toHaveLength(4),
          30_000,
        );
        await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=3');
        await eventually(async () => expect(await nginxPods(client)).toHaveLength(3), 30_000);
        expect(
          (await client.list(nodes)).items.every((node) =>
            node.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
          ),
        ).toBe(true);
        await load.stop();
        expect(load.failuresSince(0)).toEqual([]);
      } finally {
        await load.stop();
      }
    },
  );

  it.each([
    ['apiserver-1', 5_000],
    ['etcd-1', 5_000],
    ['controllers-1', 4_000],
    ['detector-1', 4_000],
    ['scheduler-1', 4_000],
    ['node-agent-2', 10_000],
  ] as const)('pausing %s for %i ms makes no node NotReady and moves nothing', async (unit, pauseMs) => {
    const before = await uids();
    const pid = cluster.pid(unit) ?? 0;
    const pausedMs = performance.now();
    process.kill(pid, 'SIGSTOP');
    try {
      await eventually(() => expect(performance.now() - pausedMs).toBeGreaterThan(pauseMs), pauseMs * 2);
    } finally {
      process.kill(pid, 'SIGCONT');
    }
    const resumedMs = performance.now();
    await eventually(async () => {
      const found = (await client.list(nodes)).items;
      expect(found.flatMap((node) => node.spec?.taints ?? [])).toEqual([]);
      expect(
        found.every((node) =>
          node.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True'),
        ),
      ).toBe(true);
      expect(await uids()).toEqual(before);
      // A wrong verdict would come within the judge's own periods after the pause.
      expect(performance.now() - resumedMs).toBeGreaterThan(3_000);
    }, 20_000);
  });
});
