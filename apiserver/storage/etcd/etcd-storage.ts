import { type Clock, systemClock } from '../../../base/clock.ts';
import type { Logger } from '../../../base/logger.ts';
import { TaskGroup } from '../../../base/task-group.ts';
import type { ValueCipher } from '../encryption/value-cipher.ts';
import { prefixEnd } from '../keys.ts';
import type {
  DeletedObject,
  ScanPage,
  Storage,
  StorageBatch,
  StorageCheck,
  StorageConflict,
  StorageDelete,
  StoragePut,
  StorageRewrite,
  StorageWrite,
  StoredObject,
} from '../storage.ts';
import { revisionOf, wholeVersion } from '../version.ts';
import { EtcdAdministration } from './administration.ts';
import { runCompaction } from './compaction.ts';
import type { EtcdTls } from './connection.ts';
import { EtcdClient } from './etcd-client.ts';
import { EtcdDeletes } from './etcd-deletes.ts';
import { EtcdPuts } from './etcd-puts.ts';
import { watchEtcd } from './etcd-watch.ts';
import { GroupCommit, patienceOf } from './group-commit.ts';
import { GrpcError, toStorageError } from './grpc-error.ts';
import type { RangeResponse } from './messages.ts';
import { OwnWrites } from './own-writes.ts';
import { SharedRead } from './shared-read.ts';
import { runSpaceChecks } from './space.ts';
import { isStale, toStored, toStoredPages } from './stored.ts';

/**
 * A page of a scan is about this big, whatever the objects' size. etcd looks at all keys that are left for every page of
 * them (40 ms for 150,000, a fifth of that for the objects of a megabyte), so pages are few and large.
 */
const scanPageBytes = 4 * 1024 * 1024;
const firstPageObjects = 50;
const maxPageObjects = 2_000;

export interface EtcdStorageOptions {
  /** `http://host:port` or `https://host:port`; all of one cluster. */
  readonly endpoints: readonly string[];
  /** For `https`: PEM. */
  readonly tls?: EtcdTls | undefined;
  /** For values that do not lie in etcd as they are. */
  readonly cipher?: ValueCipher | undefined;
  readonly clock?: Clock;
  readonly logger: Logger;
}

/** The store in etcd 3.4 or newer. `run` keeps it in order; without it, it works but is never compacted. */
export class EtcdStorage implements Storage {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #cipher: ValueCipher | undefined;
  readonly #client: EtcdClient;
  readonly #own = new OwnWrites();
  readonly #puts: EtcdPuts;
  readonly #deletes: EtcdDeletes;
  readonly #groups: GroupCommit;
  readonly #current: SharedRead<number>;
  readonly #administration: EtcdAdministration;

  constructor(options: EtcdStorageOptions) {
    this.#clock = options.clock ?? systemClock;
    this.#logger = options.logger;
    this.#cipher = options.cipher;
    const client = new EtcdClient({ endpoints: options.endpoints, tls: options.tls, clock: this.#clock });
    this.#client = client;
    this.#puts = new EtcdPuts({ client, cipher: options.cipher, clock: this.#clock, own: this.#own });
    this.#deletes = new EtcdDeletes({ client, clock: this.#clock });
    this.#groups = new GroupCommit({ clock: this.#clock, puts: this.#puts });
    this.#administration = new EtcdAdministration(options);
    this.#current = new SharedRead(() => this.#readCurrent());
  }

  async get(key: string): Promise<StoredObject | undefined> {
    try {
      const [kv] = (await this.#client.range({ key })).kvs;
      if (kv === undefined) return undefined;
      const stored = toStored(kv, this.#cipher);
      const stale = this.#cipher?.covers(key) === true && isStale(kv, this.#cipher);
      return stale ? { ...stored, stale } : stored;
    } catch (error) {
      throw toStorageError(`read ${key}`, error);
    }
  }

  isEncrypted(key: string): boolean {
    return this.#cipher?.covers(key) === true;
  }

  async commit(writes: readonly StorageWrite[]): Promise<StoredObject[]> {
    const [only, ...more] = writes;
    if (only?.type === 'put' && more.length === 0)
      return [await this.#groups.put(only, { patienceMs: patienceOf(only.key) })];
    return this.#puts.all(
      writes.filter((write) => write.type === 'put'),
      writes.filter((write) => write.type === 'check'),
    );
  }

  commitEach(
    writes: readonly (StoragePut | StorageRewrite)[],
    checks?: readonly StorageCheck[],
  ): Promise<(StoredObject | StorageConflict)[]> {
    return this.#puts.each(writes, checks);
  }

  delete(deletes: readonly StorageDelete[]): Promise<(DeletedObject | StorageConflict)[]> {
    return this.#deletes.each(deletes);
  }

  currentVersion(): Promise<number> {
    return this.#current.read();
  }

  async *scan(prefix: string, atVersion?: number): AsyncGenerator<ScanPage> {
    let revision = atVersion === undefined ? undefined : revisionOf(atVersion);
    const end = prefixEnd(prefix);
    let total: number | undefined;
    let coming: Promise<RangeResponse> | undefined = this.#scanPage({
      ...{ key: prefix, end, limit: firstPageObjects, revision },
    });
    while (coming !== undefined) {
      const page: RangeResponse = await coming;
      revision ??= page.header.revision;
      const last = page.kvs.at(-1);
      const next =
        page.more && last !== undefined
          ? { key: `${last.key}\0`, end, limit: nextLimit(page), revision }
          : undefined;
      // etcd reads the next page while the reader works on this one. Who asks how many there are wants only the first.
      coming = next === undefined || total === undefined ? undefined : this.#scanPage(next);
      // A reader who stops early does not hear of it.
      coming?.catch(() => undefined);
      // That of later pages is of what was still to come.
      total ??= page.count;
      for (const objects of toStoredPages(page.kvs, this.#cipher, this.#logger))
        yield { objects, version: wholeVersion(revision), total };
      if (next !== undefined) coming ??= this.#scanPage(next);
    }
  }

  watch(fromVersion: number, signal: AbortSignal): AsyncIterable<StorageBatch> {
    return watchEtcd({
      client: this.#client,
      own: this.#own,
      clock: this.#clock,
      logger: this.#logger,
      cipher: this.#cipher,
      fromVersion,
      signal,
    });
  }

  async run(signal: AbortSignal): Promise<void> {
    const upkeep = {
      client: this.#client,
      administration: this.#administration,
      clock: this.#clock,
      logger: this.#logger,
    };
    const tasks = new TaskGroup(signal);
    tasks.start((stop) => runCompaction({ ...upkeep, signal: stop }));
    tasks.start((stop) => runSpaceChecks(upkeep, stop));
    await tasks.join();
  }

  async close(): Promise<void> {
    this.#client.close();
  }

  async #readCurrent(): Promise<number> {
    try {
      const { header } = await this.#client.range({ key: '\0', countOnly: true });
      return wholeVersion(header.revision);
    } catch (error) {
      throw toStorageError('read the current revision', error);
    }
  }

  async #scanPage(page: {
    readonly key: string;
    readonly end: string;
    readonly limit: number;
    readonly revision: number | undefined;
  }): Promise<RangeResponse> {
    const { key, end, revision } = page;
    const at = revision === undefined ? {} : { revision };
    let { limit } = page;
    for (;;)
      try {
        return await this.#client.scan({ key, rangeEnd: end, limit, ...at });
      } catch (error) {
        const bytes = error instanceof GrpcError ? error.answerBytes : undefined;
        if (bytes === undefined || limit === 1) throw toStorageError(`scan from ${key}`, error);
        // The objects are much larger from here on than those before, by which the limit was chosen.
        limit = Math.max(1, Math.floor((limit * scanPageBytes) / bytes));
      }
  }
}

function nextLimit(page: RangeResponse): number {
  const bytes = page.kvs.reduce((sum, { value }) => sum + value.length, 0);
  const fitting = Math.floor((scanPageBytes * page.kvs.length) / Math.max(1, bytes));
  return Math.max(1, Math.min(maxPageObjects, fitting));
}
