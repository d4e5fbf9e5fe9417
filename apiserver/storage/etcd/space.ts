/**
 * Watches etcd's quota. When etcd has raised its alarm it refuses every write, so nothing is lost by repairing at
 * once: drop the history, defragment, clear the alarm. What remains too big raises the alarm again.
 */
import { type Clock, delay } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import type { EtcdAdministration } from './administration.ts';
import type { EtcdClient } from './etcd-client.ts';

const checkPeriodMs = 60_000;
/** Revisions that stay for watches which are a little behind. */
const keptRevisions = 100;

export interface SpaceOptions {
  readonly client: EtcdClient;
  readonly administration: EtcdAdministration;
  readonly clock: Clock;
  readonly logger: Logger;
}

export async function runSpaceChecks(options: SpaceOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    try {
      await checkSpace(options);
    } catch (error) {
      if (!signal.aborted) options.logger.warn({ err: error }, 'check the space of etcd');
    }
    await delay(options.clock, checkPeriodMs, signal);
  }
}

/** @returns whether there was an alarm to repair. */
export async function checkSpace(options: SpaceOptions): Promise<boolean> {
  const { client, administration, logger } = options;
  const { errors, databaseBytes } = await client.status();
  if (!errors.some((error) => error.includes('NOSPACE'))) return false;
  logger.error({ databaseBytes }, 'etcd is full and refuses writes: compacting and defragmenting it');
  const { header } = await client.range({ key: '\0', countOnly: true });
  if (header.revision > keptRevisions) await client.compact(header.revision - keptRevisions);
  await administration.defragment();
  await administration.clearSpaceAlarm();
  const after = await client.status();
  logger.info({ databaseBytes: after.databaseBytes, before: databaseBytes }, 'etcd takes writes again');
  return true;
}
