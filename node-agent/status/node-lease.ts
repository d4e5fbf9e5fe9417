import type { Lease } from '../../api/generated/coordination-v1.ts';
import { leases } from '../../api/generated/resources.ts';
import { loadAnnotation, toLoadText } from '../../api/node-load.ts';
import { isAlreadyExists, isConflict, isNotFound } from '../../api/status-error.ts';
import { type BackoffPolicy, backoffMs } from '../../base/backoff.ts';
import type { LoadFigures } from '../../base/beat-renewal.ts';
import { type Clock, delay, toMicroTime } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { ApiClient } from '../../client/client.ts';

const namespace = 'kube-node-lease';
const leaseDurationSeconds = 40;
export const leaseRenewPeriodMs = 10_000;
/** So often the agent renews by itself though it need not: it makes right what renewals by others leave alone. */
export const repairPeriodMs: number = 60 * 60_000;
const retryBackoff: BackoffPolicy = { initialMs: 200, maxMs: 7_000, factor: 2, jitter: 0.2 };

export interface LeaseWriteOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'update'>;
  readonly nodeName: string;
  /** The lease belongs to the Node; undefined until that is registered. */
  readonly nodeUid: () => string | undefined;
  readonly clock: Clock;
}

export interface NodeLeaseOptions extends LeaseWriteOptions {
  readonly client: Pick<ApiClient, 'get' | 'create' | 'update' | 'isConnected'>;
  /** What to say beside the renewal; asked at every renewal. */
  readonly load?: (() => Promise<LoadFigures>) | undefined;
  /** Has the Lease renewed together with others'. Resolves in time with whether that was done. */
  readonly renewTogether?: ((load: LoadFigures | undefined) => Promise<boolean>) | undefined;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Renews the node's Lease until `signal` aborts: once by itself, which creates it or makes it right, then together with others'
 * as long as that is confirmed in time. An agent that does not reach the API asks nobody to renew in its name: it is of no use.
 */
export async function runNodeLease(options: NodeLeaseOptions, signal: AbortSignal): Promise<void> {
  const { clock, random, logger } = options;
  let lease: Lease | undefined;
  let wroteAtMs: number | undefined;
  for (let failures = 0; !signal.aborted; ) {
    const startedMs = clock.monotonicMs();
    try {
      const load = await options.load?.();
      const mayAsk = wroteAtMs !== undefined && startedMs - wroteAtMs < repairPeriodMs;
      // All that start together would renew together ever after.
      const periodMs = leaseRenewPeriodMs * (wroteAtMs === undefined ? random.next() : 1);
      const isRenewed = mayAsk && options.client.isConnected() && (await options.renewTogether?.(load));
      if (isRenewed === true) lease = undefined;
      else {
        lease = await renewNodeLease(options, lease, load);
        wroteAtMs = startedMs;
      }
      failures = 0;
      await delay(clock, Math.max(0, startedMs + periodMs - clock.monotonicMs()), signal);
    } catch (error) {
      logger.warn({ err: error }, 'renew the node lease');
      lease = undefined;
      wroteAtMs = undefined;
      await delay(clock, backoffMs(retryBackoff, failures, random), signal);
      failures += 1;
    }
  }
}

/** Renews once, by itself. @param known the Lease as last written, if that is remembered */
export async function renewNodeLease(
  options: LeaseWriteOptions,
  known: Lease | undefined,
  load?: LoadFigures,
): Promise<Lease> {
  const { client, nodeName, clock } = options;
  const renewTime = toMicroTime(clock.nowMs());
  const current = known ?? (await find(options));
  if (current === undefined) return create(options, renewTime);
  const told = load === undefined ? {} : { [loadAnnotation]: toLoadText(load) };
  const spec = { holderIdentity: nodeName, leaseDurationSeconds, renewTime };
  const renewed = ({ metadata, ...lease }: Lease): Lease => {
    const annotations = { ...metadata.annotations, ...told };
    const said = Object.keys(annotations).length === 0 ? {} : { annotations };
    return { ...lease, metadata: { ...metadata, ...said }, spec: { ...lease.spec, ...spec } };
  };
  try {
    return await client.update(leases, renewed(current));
  } catch (error) {
    if (!isConflict(error)) throw error;
    const newer = await client.get(leases, { namespace, name: nodeName });
    // What this one asked the detector for has come after all: nobody need write it twice.
    if (isRenewedSince(current, newer)) return newer;
    return client.update(leases, renewed(newer));
  }
}

const isRenewedSince = ({ spec: before }: Lease, { spec: now }: Lease): boolean =>
  now?.holderIdentity === before?.holderIdentity && (now?.renewTime ?? '') > (before?.renewTime ?? '');

async function find({
  client,
  nodeName,
}: Pick<LeaseWriteOptions, 'client' | 'nodeName'>): Promise<Lease | undefined> {
  try {
    return await client.get(leases, { namespace, name: nodeName });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

async function create(options: LeaseWriteOptions, renewTime: string): Promise<Lease> {
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
