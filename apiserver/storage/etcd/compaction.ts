/**
 * Several apiservers, one compaction: as in Kubernetes, a key holds the revision at which the period began. Whoever
 * first replaces it, comparing its version, compacts to the revision that the *previous* holder of the period saw, so
 * that at least a whole period of history is kept; the others wait for the next period.
 */
import { type Clock, delay } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import { type EtcdClient, operationMs } from './etcd-client.ts';

export const compactionPeriodMs: number = 5 * 60_000;
export const compactionKey = 'compact_rev_key';

/** What one apiserver knows of the key. */
export interface CompactionState {
  /** modRevision of the key; 0: not there. */
  readonly modRevision: number;
  /** The store's revision when the present period began. */
  readonly revision: number;
}

export async function runCompaction(options: {
  readonly client: EtcdClient;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { client, clock, logger, signal } = options;
  let state: CompactionState = { modRevision: 0, revision: 0 };
  while (!signal.aborted) {
    try {
      state = await compactOnce(client, clock, state);
    } catch (error) {
      if (!signal.aborted) logger.warn({ err: error }, 'compact etcd');
    }
    await delay(clock, compactionPeriodMs, signal);
  }
}

/** One period. @returns what to come back with a period later. */
export async function compactOnce(
  client: EtcdClient,
  clock: Clock,
  state: CompactionState,
): Promise<CompactionState> {
  const { header } = await client.range({ key: '\0', countOnly: true });
  const response = await client.txn(
    {
      compare: [{ key: compactionKey, modRevision: state.modRevision }],
      success: [{ type: 'put', key: compactionKey, value: Buffer.from(String(header.revision)) }],
      failure: [{ type: 'range', range: { key: compactionKey } }],
    },
    clock.monotonicMs() + operationMs,
  );
  if (!response.succeeded) {
    const kv = response.responses[0]?.range?.kvs[0];
    return { modRevision: kv?.modRevision ?? 0, revision: response.header.revision };
  }
  if (state.revision > 0) await client.compact(state.revision);
  return { modRevision: response.header.revision, revision: header.revision };
}
