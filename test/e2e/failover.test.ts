import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { eventually } from '../support/eventually.ts';
import { must, TestCluster } from './cluster.ts';
import { LoadClient } from './load.ts';

const cluster = new TestCluster({ name: 'e2efail', port: 16_444 });
/** After this long no request through a surviving node may fail. */
const endpointsGoneMs = 2_000;
const replacedMs = 5_000;
let client: ClosableApiClient;

beforeAll(async () => {
  await cluster.down();
  must(await cluster.up(), 'deploy/up');
  client = createApiClient({
    config: await loadKubeconfig(cluster.kubeconfig),
    clock: systemClock,
    logger: silentLogger,
    userAgent: 'failover-test',
  });
});
afterAll(async () => {
  client.close();
  must(await cluster.down(), 'deploy/down');
});

const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  (pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false);
const nginxPods = async (): Promise<Pod[]> =>
  (await client.list(pods, { namespace: 'default', labelSelector: 'app=nginx' })).items;

async function survivorsOf(lost: string): Promise<string[]> {
  return [...(await cluster.addresses())].filter(([name]) => name !== lost).map(([, address]) => address);
}

/** Loses a host under load; gives when the replacements were Ready and which requests failed. */
async function lose(
  host: string,
  how: 'kill' | 'cut',
): Promise<{ readyMs: number; lastFailureMs: number; failed: number; asked: number }> {
  const load = new LoadClient(await survivorsOf(host));
  try {
    await eventually(() => expect(load.asked.length).toBeGreaterThan(50));
    expect(load.failuresSince(0)).toEqual([]);
    // The loss itself, without the time that starting a command takes: the link goes down, then the rest.
    const lostMs = performance.now();
    await cluster.unplug(host);
    await cluster.host(how, host);
    await eventually(async () => {
      const ready = (await nginxPods()).filter((pod) => isReady(pod) && pod.spec.nodeName !== host);
      expect(ready).toHaveLength(3);
    }, replacedMs * 2);
    const readyMs = performance.now() - lostMs;
    await eventually(() => expect(performance.now() - lostMs).toBeGreaterThan(replacedMs));
    await load.stop();
    const failures = load.failuresSince(lostMs).map((each) => each.startMs - lostMs);
    return {
      readyMs,
      lastFailureMs: Math.max(0, ...failures),
      failed: failures.length,
      asked: load.asked.length,
    };
  } finally {
    await load.stop();
  }
}

async function restore(host: string, how: 'start' | 'heal'): Promise<void> {
  await cluster.host(how, host);
  await eventually(async () => {
    const found = await nginxPods();
    expect(found).toHaveLength(3);
    expect(found.filter(isReady)).toHaveLength(3);
    const node = await client.get(nodes, { name: host });
    expect(node.spec?.taints ?? []).toEqual([]);
  }, 30_000);
}

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
        const result = await lose(host, how);
        process.stdout.write(
          `${host} ${how}: last failed request ${(result.lastFailureMs / 1_000).toFixed(2)} s, ${result.failed} of ${result.asked} failed, replaced after ${(result.readyMs / 1_000).toFixed(2)} s\n`,
        );
        expect(result.lastFailureMs).toBeLessThan(endpointsGoneMs);
        expect(result.readyMs).toBeLessThan(replacedMs);
      } finally {
        await restore(host, back);
      }
    },
  );
});

describe('losing a process', () => {
  const uids = async (): Promise<string[]> =>
    (await nginxPods())
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
        await eventually(async () => expect((await nginxPods()).filter(isReady)).toHaveLength(4), 30_000);
        await cluster.kubectlOut('scale', 'deployment/nginx', '--replicas=3');
        await eventually(async () => expect(await nginxPods()).toHaveLength(3), 30_000);
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
