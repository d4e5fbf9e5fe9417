/**
 * The one watch over the whole keyspace, across reconnections.
 *
 * All keys are watched, also those that are no object's, so that every revision brings an event: the batch that
 * carries a revision proves that all before it has been seen, and no progress notification is needed (etcd before
 * 3.4.25 sends some too early).
 *
 * Every stream starts at the last revision seen, not behind it, and what was seen is dropped: a compaction between
 * the two would otherwise swallow a deletion unnoticed.
 *
 * INVARIANTS: revisions come whole, in order, each once. etcd splits a revision only over fragments, which are joined.
 */
import { onAbort } from '../../../base/abort.ts';
import { type BackoffPolicy, backoffMs } from '../../../base/backoff.ts';
import { type Clock, delay } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import { systemRandom } from '../../../base/random.ts';
import type { ValueCipher } from '../encryption/value-cipher.ts';
import { openBody, readHeader, spliceVersion } from '../envelope.ts';
import { registryPrefix } from '../keys.ts';
import { type StorageBatch, StorageError, type StorageEvent } from '../storage.ts';
import { revisionOf, versionOf, wholeVersion } from '../version.ts';
import type { EtcdConnection, GrpcStream } from './connection.ts';
import type { EtcdClient } from './etcd-client.ts';
import { GrpcError, grpcStatus } from './grpc-error.ts';
import { decodeWatch, type EtcdEvent, encodeWatchCreate, type WatchResponse } from './messages.ts';
import type { OwnWrites } from './own-writes.ts';
import { toReadable } from './stored.ts';

const watchPath = '/etcdserverpb.Watch/Watch';
const connectMs = 5_000;
/** etcd's way to say "from the first key" and "to the last". */
const wholeKeyspace = { key: '\0', rangeEnd: '\0' };
const resumeBackoff: BackoffPolicy = { initialMs: 20, maxMs: 2_000, factor: 2, jitter: 0.5 };

export async function* watchEtcd(options: {
  readonly client: EtcdClient;
  readonly own: OwnWrites;
  readonly cipher: ValueCipher | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly fromVersion: number;
  readonly signal: AbortSignal;
}): AsyncGenerator<StorageBatch> {
  const { client, clock, signal } = options;
  const generation = client.identity.generation;
  const position = { revision: revisionOf(options.fromVersion) };
  for (let attempt = 0; !signal.aborted; attempt += 1) {
    try {
      for await (const batch of watchOnce({ ...options, position, generation })) {
        attempt = 0;
        yield batch;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof GrpcError)) throw error;
      await delay(clock, backoffMs(resumeBackoff, attempt, systemRandom), signal);
    }
  }
}

/** One stream, from `position`, which it moves, until it breaks. */
async function* watchOnce(options: {
  readonly client: EtcdClient;
  readonly own: OwnWrites;
  readonly cipher: ValueCipher | undefined;
  readonly logger: Logger;
  readonly position: { revision: number };
  readonly generation: number;
  readonly signal: AbortSignal;
}): AsyncGenerator<StorageBatch> {
  const { client, position, generation, signal } = options;
  await requireSameStore(client, position.revision, generation);
  const connection = await client.watches.connection(connectMs);
  const stream = connection.stream(watchPath);
  const close = (): void => stream.close();
  const release = [client.identity.onReplaced(close), onAbort(signal, close)];
  try {
    stream.send(encodeWatchCreate({ ...wholeKeyspace, startRevision: Math.max(1, position.revision) }));
    yield* readBatches({ ...options, connection, stream });
  } finally {
    for (const each of release) each();
    stream.close();
  }
}

/** A linearizable read: the member that answers the watch may lag, the store as a whole may not. */
async function requireSameStore(client: EtcdClient, revision: number, generation: number): Promise<void> {
  const { header } = await client.range({ key: '\0', countOnly: true });
  if (client.identity.generation !== generation)
    throw new StorageError('STORAGE_RESTORED', `watch from revision ${revision}: the store was replaced`);
  if (header.revision < revision)
    client.identity.replace(header, `it is at revision ${header.revision}, the watch at ${revision}`);
}

async function* readBatches(source: {
  readonly client: EtcdClient;
  readonly own: OwnWrites;
  readonly cipher: ValueCipher | undefined;
  readonly logger: Logger;
  readonly connection: EtcdConnection;
  readonly stream: GrpcStream;
  readonly position: { revision: number };
}): AsyncGenerator<StorageBatch> {
  const { client, connection, stream, position } = source;
  let fragments: EtcdEvent[] = [];
  for await (const message of stream.messages) {
    const response = decodeWatch(message);
    client.identity.observe(response.header);
    if (response.canceled) {
      client.watches.distrust(connection);
      throw cancellation(response, position.revision);
    }
    fragments = fragments.length === 0 ? [...response.events] : [...fragments, ...response.events];
    if (response.fragment) continue;
    for (const events of byRevision(fragments)) {
      const revision = events[0]?.kv.modRevision ?? 0;
      if (revision <= position.revision) continue;
      position.revision = revision;
      yield toBatch(revision, events, source);
    }
    fragments = [];
  }
}

function cancellation(response: WatchResponse, revision: number): Error {
  const reason = response.cancelReason || 'no reason given';
  if (response.compactRevision > 0)
    return new StorageError(
      'STORAGE_COMPACTED',
      `watch from revision ${revision}: compacted up to ${response.compactRevision}`,
    );
  return new GrpcError({
    status: grpcStatus.unavailable,
    message: `${watchPath}: cancelled, ${reason}`,
    sent: true,
  });
}

function* byRevision(events: readonly EtcdEvent[]): Generator<readonly EtcdEvent[]> {
  let start = 0;
  for (let at = 1; at <= events.length; at += 1) {
    if (events[at]?.kv.modRevision === events[start]?.kv.modRevision && at < events.length) continue;
    yield events.slice(start, at);
    start = at;
  }
}

interface EventReader {
  readonly own: OwnWrites;
  readonly cipher: ValueCipher | undefined;
  readonly logger: Logger;
}

function toBatch(revision: number, events: readonly EtcdEvent[], reader: EventReader): StorageBatch {
  const changes: StorageEvent[] = [];
  for (const [at, event] of events.entries())
    if (event.kv.key.startsWith(registryPrefix)) changes.push(toVisible(event, at, reader));
  return { version: wholeVersion(revision), events: changes };
}

/** A value that cannot be read takes away what was there before: nobody is shown an old state as the present one. */
function toVisible(event: EtcdEvent, at: number, reader: EventReader): StorageEvent {
  const { key, modRevision } = event.kv;
  const [visible] = toReadable(key, reader.logger, () => toEvent(event, at, reader));
  return visible ?? { type: 'delete', key, version: versionOf(modRevision, at) };
}

function toEvent({ type, kv }: EtcdEvent, at: number, { own, cipher }: EventReader): StorageEvent {
  const { key, modRevision } = kv;
  if (type === 'delete') return { type, key, version: versionOf(modRevision, at) };
  const header = readHeader(key, kv.value);
  const version = versionOf(modRevision, header.index);
  const created = kv.createRevision === modRevision;
  const written = own.event(header.writeId, version);
  if (written !== undefined) return { type, key, version, created, ...written };
  return { type, key, version, created, json: spliceVersion(openBody(key, header, cipher), version) };
}
