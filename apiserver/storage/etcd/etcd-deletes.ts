import { type Clock, delay } from '../../../base/clock.ts';
import { type DeletedObject, type StorageConflict, type StorageDelete, StorageError } from '../storage.ts';
import { revisionOf, versionOf, wholeVersion } from '../version.ts';
import { toBatches } from '../write-batches.ts';
import { type EtcdClient, operationMs } from './etcd-client.ts';
import { GrpcError, toStorageError } from './grpc-error.ts';
import type { RequestOp, TxnResponse } from './messages.ts';
import { toConflict } from './stored.ts';

/** etcd 3.4 reads slower and slower for a while after large deletions. */
const deletesPerTransaction = 64;
const pauseBetweenTriesMs = 50;

type DeleteResult = DeletedObject | StorageConflict;

/** Conditional deletes. One whose answer does not arrive has happened when the key is gone. */
export class EtcdDeletes {
  readonly #client: EtcdClient;
  readonly #clock: Clock;

  constructor(options: { readonly client: EtcdClient; readonly clock: Clock }) {
    this.#client = options.client;
    this.#clock = options.clock;
  }

  async each(deletes: readonly StorageDelete[]): Promise<DeleteResult[]> {
    const results: DeleteResult[] = [];
    for (const batch of toBatches(deletes, { limit: deletesPerTransaction, bytesOf: () => 0 }))
      results.push(...(await this.#batch(batch)));
    return results;
  }

  async #batch(deletes: readonly StorageDelete[]): Promise<DeleteResult[]> {
    const what = `delete ${deletes.length} objects, ${deletes[0]?.key} first`;
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    const results = new Map<StorageDelete, DeleteResult>();
    for (let open = [...deletes]; open.length > 0; ) {
      const response = await this.#try(what, open, deadlineMs);
      if (response !== undefined) {
        for (const [at, result] of eachResult(open, response).entries())
          results.set(open[at] as StorageDelete, result);
        break;
      }
      open = await this.#unsettled(what, open, results);
      if (open.length > 0) await this.#pause(what, deadlineMs);
    }
    return deletes.map((each) => results.get(each) as DeleteResult);
  }

  async #try(
    what: string,
    deletes: readonly StorageDelete[],
    deadlineMs: number,
  ): Promise<TxnResponse | undefined> {
    try {
      return await this.#client.txn(
        { compare: [], success: deletes.map(nestedDelete), failure: [] },
        deadlineMs,
      );
    } catch (error) {
      if (!(error instanceof GrpcError) || error.isRefusal || !error.sent) throw toStorageError(what, error);
      return undefined;
    }
  }

  /** Reads what became of `deletes` and remembers it in `results`. @returns those that have not happened. */
  async #unsettled(
    what: string,
    deletes: readonly StorageDelete[],
    results: Map<StorageDelete, DeleteResult>,
  ): Promise<StorageDelete[]> {
    const unsettled: StorageDelete[] = [];
    for (const each of deletes) {
      try {
        const { header, kvs } = await this.#client.range({ key: each.key });
        const [kv] = kvs;
        if (kv === undefined) results.set(each, { key: each.key, version: wholeVersion(header.revision) });
        else if (kv.modRevision === revisionOf(each.expected)) unsettled.push(each);
        else results.set(each, toConflict(each.key, kv));
      } catch (cause) {
        throw new StorageError('STORAGE_AMBIGUOUS', `${what}: no answer, and reading what became of it`, {
          cause,
        });
      }
    }
    return unsettled;
  }

  async #pause(what: string, deadlineMs: number): Promise<void> {
    if (this.#clock.monotonicMs() + pauseBetweenTriesMs >= deadlineMs)
      throw new StorageError('STORAGE_UNAVAILABLE', `${what}: etcd does not answer`);
    await delay(this.#clock, pauseBetweenTriesMs);
  }
}

function nestedDelete({ key, expected }: StorageDelete): RequestOp {
  return {
    type: 'txn',
    txn: {
      compare: [{ key, modRevision: revisionOf(expected) }],
      success: [{ type: 'delete', key }],
      failure: [{ type: 'range', range: { key } }],
    },
  };
}

/** Deletes have no envelope: a watch numbers those of one transaction in order, and so does this. */
function eachResult(deletes: readonly StorageDelete[], response: TxnResponse): DeleteResult[] {
  let index = 0;
  return deletes.map(({ key }, at) => {
    const nested = response.responses[at]?.txn;
    if (nested?.succeeded !== true) return toConflict(key, nested?.responses[0]?.range?.kvs[0]);
    const version = versionOf(response.header.revision, index);
    index += 1;
    return { key, version };
  });
}
