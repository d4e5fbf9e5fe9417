import type { Lease } from '../../api/generated/coordination-v1.ts';
import { leases } from '../../api/generated/resources.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import { type Clock, delay, toMicroTime } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';

const namespace = 'kube-node-lease';
const leaseDurationSeconds = 40;
export const leaseRenewPeriodMs = 10_000;
const retryBackoff: BackoffPolicy = { initialMs: 200, maxMs: 7_000, factor: 2, jitter: 0.2 };

export interface NodeLeaseOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'update'>;
  readonly nodeName: string;
  /** The lease belongs to the Node; undefined until that is registered. */
  readonly nodeUid: () => string | undefined;
  /** What to say beside the renewal, e.g. the node's load; asked at every renewal. */
  readonly annotations?: (() => Promise<Readonly<Record<string, string>>>) | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Renews the node's Lease until `signal` aborts. */
export async function runNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger } = options;
  let lease: Lease | undefined;
  for (let failures = 0; !signal.aborted; ) {
    try {
      lease = await renewNodeLease(options, lease);
      failures = 0;
      await delay(clock, leaseRenewPeriodMs, signal);
    } catch (error) {
      logger.warn({ err: error }, 'renew the node lease');
      lease = undefined;
      await delay(clock, backoffMs(retryBackoff, failures, random), signal);
      failures += 1;
    }
  }
}

/** Renews once. @param known the Lease as last written, if that is remembered */
export async function renewNodeLease(
  options: Omit<NodeLeaseOptions, 'random' | 'logger'>,
  known: Lease | undefined,
): Promise<Lease> {
  const { client, nodeName, clock } = options;
  const renewTime = toMicroTime(clock.nowMs());
  const current = known ?? (await find(options));
  if (current === undefined) return create(options, renewTime);
  const annotations = { ...current.metadata.annotations, ...(await options.annotations?.()) };
  const metadata = Object.keys(annotations).length === 0 ? {} : { annotations };
  const spec = { ...current.spec, holderIdentity: nodeName, leaseDurationSeconds, renewTime };
  try {
    return await client.update(leases, { ...current, metadata: { ...current.metadata, ...metadata }, spec });
  } catch (error) {
    if (!isConflict(error)) throw error;
    const fresh = await client.get(leases, { namespace, name: nodeName });
    return client.update(leases, {
      ...fresh,
      metadata: { ...fresh.metadata, ...metadata },
      spec: { ...fresh.spec, ...spec },
    });
  }
}

async function find({
  client,
  nodeName,
}: Pick<NodeLeaseOptions, 'client' | 'nodeName'>): Promise<Lease | undefined> {
  try {
    return await client.get(leases, { namespace, name: nodeName });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function create(
  options: Omit<NodeLeaseOptions, 'random' | 'logger'>,
  renewTime: string,
): Promise<Lease> {
  const { client, nodeName, nodeUid } = options;
  const uid = nodeUid();
  const ownerReferences = uid === undefined ? [] : [{ apiVersion: 'v1', kind: 'Node', name: nodeName, uid }];
  try {
    return await client.create(leases, {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: nodeName, namespace, ...(uid === undefined ? {} : { ownerReferences }) },
      spec: { holderIdentity: nodeName, leaseDurationSeconds, renewTime },
    });
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return client.get(leases, { namespace, name: nodeName });
  }
}
