import type { Pod } from '../../../api/generated/core-v1.ts';
import { deployments, pods, services } from '../../../api/generated/resources.ts';
import type { ApiClient } from '../../../client/client.ts';
import { httpGet } from '../../e2e/cluster.ts';
import { eventually } from '../../support/eventually.ts';

const namespace = 'default';
const containers = [
  {
    name: 'nginx',
    image: 'nginx',
    imagePullPolicy: 'IfNotPresent',
    resources: { requests: { cpu: '1m', memory: '1Mi' } },
  },
];
const isReady = (pod: Pod): boolean =>
  pod.status?.conditions?.some((each) => each.type === 'Ready' && each.status === 'True') ?? false;

/** Watches pods with a label until `done` says so of all that are there; reacts to events, so it adds no polling time. */
async function watchUntil(
  client: ApiClient,
  label: string,
  done: (found: readonly Pod[]) => boolean,
): Promise<void> {
  const abort = new AbortController();
  const found = new Map<string, Pod>();
  try {
    for await (const event of client.watch(
      pods,
      { namespace, labelSelector: `app=${label}`, sendInitialEvents: true, allowWatchBookmarks: true },
      abort.signal,
    )) {
      if (event.type === 'BOOKMARK') {
        if (done([...found.values()])) return;
        continue;
      }
      if (event.type === 'DELETED') found.delete(event.object.metadata.name);
      else found.set(event.object.metadata.name, event.object);
      if (done([...found.values()])) return;
    }
  } finally {
    abort.abort();
  }
}

async function removeAll(client: ApiClient, label: string): Promise<void> {
  await client.delete(deployments, { namespace, name: label }).catch(() => undefined); // It may be a bare pod.
  await client.deleteCollection(
    pods,
    { namespace, labelSelector: `app=${label}` },
    { gracePeriodSeconds: 0 },
  );
  await eventually(async () => {
    const left = (await client.list(pods, { namespace, labelSelector: `app=${label}` })).items.length;
    if (left > 0) throw new Error(`${left} pods of ${label} are left`);
  }, 120_000);
}

const template = (
  label: string,
): {
  metadata: { labels: Record<string, string> };
  spec: { containers: typeof containers; terminationGracePeriodSeconds: number };
} => ({
  metadata: { labels: { app: label } },
  spec: { containers, terminationGracePeriodSeconds: 0 },
});

async function createDeployment(client: ApiClient, label: string, replicas: number): Promise<void> {
  const spec = { replicas, selector: { matchLabels: { app: label } }, template: template(label) };
  await client.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { namespace, name: label },
    spec,
  });
}

/** Seconds from creating a Deployment to all its pods Running and Ready. */
export async function replicasSeconds(client: ApiClient, label: string, replicas: number): Promise<number> {
  const startMs = performance.now();
  const running = watchUntil(client, label, (found) => found.length === replicas && found.every(isReady));
  await createDeployment(client, label, replicas);
  await running;
  const seconds = (performance.now() - startMs) / 1_000;
  await removeAll(client, label);
  return seconds;
}

/** Seconds from creating a Deployment and its Service to all Running and every node answering. */
export async function serviceSeconds(
  client: ApiClient,
  label: string,
  replicas: number,
  port: number,
  addresses: readonly string[],
): Promise<number> {
  const startMs = performance.now();
  const running = watchUntil(client, label, (found) => found.length === replicas && found.every(isReady));
  const spec = { type: 'LoadBalancer', selector: { app: label }, ports: [{ port, targetPort: 80 }] };
  await client.create(services, {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { namespace, name: label },
    spec,
  });
  await createDeployment(client, label, replicas);
  await running;
  await Promise.all(addresses.map((address) => eventually(() => httpGet(address, { port, timeoutMs: 500 }))));
  const seconds = (performance.now() - startMs) / 1_000;
  await client.delete(services, { namespace, name: label });
  await removeAll(client, label);
  return seconds;
}

/** Milliseconds from creating one pod to its status Running. */
export async function podMilliseconds(client: ApiClient, label: string): Promise<number> {
  const startMs = performance.now();
  const running = watchUntil(
    client,
    label,
    (found) => found.length === 1 && found[0]?.status?.phase === 'Running',
  );
  await client.create(pods, {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace, name: label, labels: { app: label } },
    spec: template(label).spec,
  });
  await running;
  const milliseconds = performance.now() - startMs;
  await removeAll(client, label);
  return milliseconds;
}
