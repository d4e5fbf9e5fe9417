import { leases, namespaces, nodes } from '../api/generated/resources.ts';
import { systemClock } from '../base/clock.ts';
import { silentLogger } from '../base/logger.ts';
import type { ApiClient } from '../client/client.ts';
import { type ClosableApiClient, createApiClient } from '../client/http-client.ts';
import { loadKubeconfig } from '../client/kubeconfig.ts';
import type { Layout } from './layout.ts';

export async function connect(layout: Layout): Promise<ClosableApiClient> {
  return createApiClient({
    config: await loadKubeconfig(layout.kubeconfig),
    clock: systemClock,
    logger: silentLogger,
    userAgent: 'coracle-deploy',
    requestTimeoutMs: 5_000,
  });
}

/** @throws until the API answers that it is ready. */
export async function probeApi(client: ApiClient): Promise<void> {
  const answer = await client.request({ method: 'GET', path: '/readyz' });
  if (answer.status !== 200)
    throw new Error(`/readyz answers ${answer.status}: ${answer.body.toString().trim()}`);
}

const standardNamespaces = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

export async function probeNamespaces(client: ApiClient): Promise<void> {
  const list = await client.list(namespaces);
  const missing = standardNamespaces.filter(
    (name) => !list.items.some((item) => item.metadata.name === name),
  );
  if (missing.length > 0) throw new Error(`namespaces ${missing.join(', ')} do not exist yet`);
}

/** @throws until somebody leads and has said so since `sinceMs`: the lease of an earlier life may still be there. */
export async function probeLeader(client: ApiClient, lease: string, sinceMs = 0): Promise<void> {
  const { spec } = await client.get(leases, { namespace: 'kube-system', name: lease });
  if (!spec?.holderIdentity || Date.parse(spec.renewTime ?? '') < sinceMs)
    throw new Error(`nobody holds the lease kube-system/${lease}`);
}

/** @throws until the node exists and is Ready, by the word of an agent that runs since `sinceMs`. */
export async function probeNode(client: ApiClient, name: string, sinceMs = 0): Promise<void> {
  const node = await client.get(nodes, { name });
  const ready = node.status?.conditions?.find((condition) => condition.type === 'Ready');
  if (ready?.status !== 'True')
    throw new Error(`node ${name} is not Ready: ${ready?.message ?? 'no report yet'}`);
  const lease = await client.get(leases, { namespace: 'kube-node-lease', name });
  if (Date.parse(lease.spec?.renewTime ?? '') < sinceMs)
    throw new Error(`the agent of node ${name} has not reported since it started`);
  const silent = node.spec?.taints?.find(
    (taint) => taint.key === 'coracle.dev/node-dead' || taint.key === 'node.kubernetes.io/unreachable',
  );
  if (silent !== undefined) throw new Error(`node ${name} still has the taint ${silent.key}`);
}
