/**
 * The cluster's authority gets a new certificate now and then, for the same key. Nodes find it in `cluster-info`; a certificate for any other
 * key is not believed, whoever wrote it there.
 */
import type { ConfigMap } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { lifeOfCertificate, readIfPresent, replaceSecretFile } from '../../client/certificate-file.ts';
import type { ApiClient } from '../../client/client.ts';
import {
  ClusterInfoError,
  clusterInfoKey,
  clusterInfoName,
  clusterInfoNamespace,
  parseClusterInfo,
  publicKeyHash,
} from '../../client/cluster-info.ts';

/** The authority's new certificate is there a month before the old one ends. */
const periodMs = 6 * 3_600_000;
const retryMs = 600_000;

export interface AuthorityFollowerOptions {
  readonly path: string;
  readonly client: Pick<ApiClient, 'get'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Until `signal` aborts. */
export async function followAuthority(options: AuthorityFollowerOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger, path } = options;
  // Not all nodes of a cluster at the same time.
  await delay(clock, periodMs * random.next(), signal);
  while (!signal.aborted) {
    let waitMs = periodMs;
    try {
      if (await takeAuthority(options)) logger.info({ path }, 'took the new certificate of the authority');
    } catch (error) {
      logger.warn({ err: error, path }, 'look for a new certificate of the authority');
      waitMs = retryMs;
    }
    await delay(clock, waitMs, signal);
  }
}

/** @returns whether there was a newer one. @throws ClusterInfoError for one that is not the authority's */
export async function takeAuthority({
  path,
  client,
}: Pick<AuthorityFollowerOptions, 'path' | 'client'>): Promise<boolean> {
  const ref = { namespace: clusterInfoNamespace, name: clusterInfoName };
  const map: ConfigMap = await client.get(configmaps, ref);
  const { caPem } = await parseClusterInfo(map.data?.[clusterInfoKey] ?? '');
  const known = await readIfPresent(path);
  if (known === undefined || known.trim() === caPem.trim()) return false;
  if (publicKeyHash(known) !== publicKeyHash(caPem))
    throw new ClusterInfoError('cluster-info names an authority with another key: it is not believed');
  if (lifeOfCertificate(caPem).endMs <= lifeOfCertificate(known).endMs) return false;
  await replaceSecretFile(path, caPem);
  return true;
}
