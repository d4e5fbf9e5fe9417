/** Losing and restoring a host under load, as the tests, the bench and the soak do it. */
import type { Pod } from '../../api/generated/core-v1.ts';
import { nodes, pods } from '../../api/generated/resources.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';
import { type ClosableApiClient, createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { eventually } from '../support/eventually.ts';
import type { TestCluster } from './cluster.ts';
import { LoadClient } from './load.ts';

/** Replicas of the nginx example. */
const replicas = 3;
/** Failures are waited for this long, also when the replacements were there before. */
const watchedMs = 6_000;

export interface Loss {
  /** From the loss of the link to all replicas Ready on surviving nodes. */
  readonly readyMs: number;
  /** From the loss of the link to the start of the last request that failed; 0 when none did. */
  readonly lastFailureMs: number;
  readonly failed: number;
  readonly asked: number;
}

export async function connectTo(cluster: TestCluster): Promise<ClosableApiClient> {
  const config = await loadKubeconfig(cluster.kubeconfig);
  return createApiClient({ config, clock: systemClock, logger: silentLogger, userAgent: 'test' });
}

export const isReady = (pod: Pod): boolean =>
  pod.metadata.deletionTimestamp === undefined &&
  (pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false);

export async function nginxPods(client: ApiClient): Promise<Pod[]> {
  return (await client.list(pods, { namespace: 'default', labelSelector: 'app=nginx' })).items;
}

function ensure(condition: boolean, otherwise: string): void {
  if (!condition) throw new Error(otherwise);
}

/** Loses a host while a client asks through every surviving one. */
export async function loseHost(
  cluster: TestCluster,
  client: ApiClient,
  host: string,
  how: 'kill' | 'cut',
): Promise<Loss> {
  const survivors = [...(await cluster.addresses())]
    .filter(([name]) => name !== host)
    .map(([, address]) => address);
  const load = new LoadClient(survivors);
  try {
    await eventually(() => ensure(load.asked.length > 50, 'no load yet'));
    ensure(
      load.failuresSince(0).length === 0,
      `requests failed before the loss: ${JSON.stringify(load.failuresSince(0))}`,
    );
    // The loss itself, without the time that starting a command takes: the link goes down, then the rest.
    const lostMs = performance.now();
    await cluster.unplug(host);
    await cluster.host(how, host);
    await eventually(async () => {
      const ready = (await nginxPods(client)).filter((pod) => isReady(pod) && pod.spec.nodeName !== host);
      ensure(ready.length === replicas, `${ready.length} of ${replicas} replicas are Ready elsewhere`);
    }, 30_000);
    const readyMs = performance.now() - lostMs;
    await eventually(() => ensure(performance.now() - lostMs > watchedMs, 'waiting for late failures'));
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

/** Powers on or heals, until the node is Ready without taints, its stale pods are gone and all replicas are Ready. */
export async function restoreHost(
  cluster: TestCluster,
  client: ApiClient,
  host: string,
  how: 'start' | 'heal',
): Promise<void> {
  await cluster.host(how, host);
  await eventually(async () => {
    const found = await nginxPods(client);
    ensure(found.length === replicas && found.every(isReady), `${found.length} pods, not all Ready`);
    const taints = (await client.get(nodes, { name: host })).spec?.taints ?? [];
    ensure(taints.length === 0, `taints are left: ${JSON.stringify(taints)}`);
  }, 30_000);
}

export function describeLoss(host: string, how: string, loss: Loss): string {
  const seconds = (milliseconds: number): string => (milliseconds / 1_000).toFixed(2);
  return `${host} ${how}: last failed request ${seconds(loss.lastFailureMs)} s, ${loss.failed} of ${loss.asked} failed, replaced after ${seconds(loss.readyMs)} s\n`;
}
