/** What machines that join read: the authority and the server for everybody, the rest for those that are nodes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ConfigMap } from '../api/generated/core-v1.ts';
import { configmaps } from '../api/generated/resources.ts';
import { isAlreadyExists } from '../api/status-error.ts';
import type { ApiClient } from '../client/client.ts';
import {
  clusterInfoKey,
  clusterInfoKubeconfig,
  clusterInfoName,
  clusterInfoNamespace,
} from '../client/cluster-info.ts';
import type { Layout } from './layout.ts';
import { nodeConfigOf, nodeConfigRef } from './node-config.ts';
import type { StoredCluster } from './settings.ts';
import { serverAddress } from './underlay.ts';

/** Idempotent. Signatures of `cluster-info` are the controllers' to make. */
export async function publishForNodes(
  layout: Layout,
  { settings, choices }: StoredCluster,
  client: ApiClient,
): Promise<void> {
  const address = serverAddress(settings, choices.underlay) ?? '127.0.0.1';
  const server = `https://${address}:${settings.port}`;
  const caPem = readFileSync(join(layout.pki, 'ca.crt'), 'utf8');
  const info = { namespace: clusterInfoNamespace, name: clusterInfoName };
  await Promise.all([
    ensureData(client, info, { [clusterInfoKey]: clusterInfoKubeconfig({ server, caPem }) }),
    ensureData(client, nodeConfigRef, { ...nodeConfigOf(settings, choices) }),
  ]);
}

async function ensureData(
  client: ApiClient,
  ref: { readonly namespace: string; readonly name: string },
  data: Readonly<Record<string, string>>,
): Promise<void> {
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { ...ref }, data } as const;
  try {
    await client.create<ConfigMap>(configmaps, map);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    await client.patch(configmaps, ref, { type: 'merge', body: { data } });
  }
}
