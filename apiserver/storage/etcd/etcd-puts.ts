import type { Clock } from '../../../base/clock.ts';
import { delay } from '../../../base/clock.ts';
import { conflictError } from '../conflict-error.ts';
import type { ValueCipher } from '../encryption/value-cipher.ts';
import {
  encryptPrepared,
  type PreparedObject,
  prepareObject,
  sealEnvelope,
  spliceVersion,
} from '../envelope.ts';
import {
  type StorageCheck,
  type StorageConflict,
  StorageError,
  type StoragePut,
  type StoredObject,
} from '../storage.ts';
import { maxWritesPerTransaction, revisionOf, versionOf } from '../version.ts';
import { toBatches } from '../write-batches.ts';
import { type EtcdClient, operationMs } from './etcd-client.ts';
import { GrpcError, toStorageError } from './grpc-error.ts';
import type { KeyValue, RequestOp, TxnRequest, TxnResponse } from './messages.ts';
import { toConflict } from './stored.ts';
import { fateOfPut } from './write-fate.ts';
import { WriteIds } from './write-id.ts';

const pauseBetweenTriesMs = 50;

/** A put as it goes to etcd. The same bytes are written however often it is tried. */
interface Put {
  readonly key: string;
  readonly expectedRevision: number;
  readonly prepared: PreparedObject;
  readonly index: number;
  readonly writeId: Buffer;
  readonly value: Buffer;
}

type PutResult = StoredObject | StorageConflict;

/**
 * Puts, all together or each for itself. When an answer does not arrive, the store is read and decides: what is
 * certainly not written is tried again with the same write id, so that a late arrival of the first try is no second
 * write; what cannot be known is `STORAGE_AMBIGUOUS`.
 */
export class EtcdPuts {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #cipher: ValueCipher | undefined;
  readonly #ids = new WriteIds();

  constructor(options: {
    readonly client: EtcdClient;
    readonly clock: Clock;
    readonly cipher: ValueCipher | undefined;
  }) {
    this.#client = options.client;
    this.#cipher = options.cipher;
    this.#clock = options.clock;
  }

  /** @throws StorageError */
  async all(puts: readonly StoragePut[], checks: readonly StorageCheck[]): Promise<StoredObject[]> {
    if (puts.length > maxWritesPerTransaction)
      throw new StorageError('STORAGE_TOO_LARGE', `write ${puts.length} objects in one transaction`);
    const attempts = puts.map((put, index) => this.#prepare(put, index));
    const conditions = [
      ...attempts,
      ...checks.map(({ key, expected }) => ({ key, expectedRevision: revisionOf(expected) })),
    ];
    const request: TxnRequest = {
      compare: conditions.map(({ key, expectedRevision }) => ({ key, modRevision: expectedRevision })),
      success: attempts.map(({ key, value }) => ({ type: 'put', key, value })),
      failure: conditions.map(({ key }) => ({ type: 'range', range: { key } })),
    };
    const what = `write ${conditions.map(({ key }) => key).join(', ')}`;
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    for (let isRepeated = false; ; isRepeated = true) {
      const response = await this.#try(what, request, deadlineMs);
      if (response?.succeeded === true) return attempts.map((put) => written(put, response.header.revision));
      if (response !== undefined && !isRepeated) throw firstConflict(conditions, response);
      const stored = await this.#allStored(what, attempts);
      if (stored !== undefined) return stored;
      if (response !== undefined) throw firstConflict(conditions, response);
      await this.#pause(what, deadlineMs);
    }
  }

  /** Per put the stored object or the conflict. @throws StorageError when a batch as a whole fails. */
  async each(puts: readonly StoragePut[]): Promise<PutResult[]> {
    const results: PutResult[] = [];
    const prepared = puts.map((put) => this.#prepare(put, 0));
    const options = { limit: maxWritesPerTransaction, bytesOf: (put: Put) => put.value.length };
    for (const batch of toBatches(prepared, options)) {
      const indexed = batch.map((put, index) => ({
        ...put,
        index,
        value: sealEnvelope(put.prepared, index, put.writeId),
      }));
      results.push(...(await this.#batch(indexed)));
    }
    return results;
  }

  async #batch(puts: readonly Put[]): Promise<PutResult[]> {
    const results = new Map<Put, PutResult>();
    const what = `write ${puts.length} objects, ${puts[0]?.key} first`;
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    for (let open = [...puts], isRepeated = false; open.length > 0; isRepeated = true) {
      const request = { compare: [], success: open.map(nestedPut), failure: [] };
      const response = await this.#try(what, request, deadlineMs);
      const unsettled: Put[] = [];
      for (const [at, put] of open.entries()) {
        const answer = response && eachResult(put, response, at);
        if (answer !== undefined && !('conflict' in answer && isRepeated)) results.set(put, answer);
        else {
          const fate = await this.#fate(what, put);
          if (fate === undefined && answer === undefined) unsettled.push(put);
          else results.set(put, fate ?? (answer as PutResult));
        }
      }
      open = unsettled;
      if (open.length > 0) await this.#pause(what, deadlineMs);
    }
    return puts.map((put) => results.get(put) as PutResult);
  }

  /** @returns undefined when it cannot be told whether etcd carried it out. */
  async #try(what: string, request: TxnRequest, deadlineMs: number): Promise<TxnResponse | undefined> {
    try {
      return await this.#client.txn(request, deadlineMs);
    } catch (error) {
      if (!(error instanceof GrpcError) || error.isRefusal || !error.sent) throw toStorageError(what, error);
      return undefined;
    }
  }

  /** What a transaction left of itself; undefined when it has not happened. */
  async #allStored(what: string, puts: readonly Put[]): Promise<StoredObject[] | undefined> {
    const [first] = puts;
    const fate = first && (await this.#fate(what, first));
    if (fate === undefined) return undefined;
    if ('conflict' in fate) throw conflictError(fate);
    return puts.map((put) => written(put, revisionOf(fate.version)));
  }

  /** @returns undefined when `put` has not happened. @throws StorageError */
  async #fate(what: string, put: Put): Promise<PutResult | undefined> {
    try {
      const fate = await fateOfPut(this.#client, put);
      if (fate.type === 'unwritten') return undefined;
      if (fate.type === 'written') return written(put, fate.revision);
      if (fate.type === 'conflict') return toConflict(put.key, fate.kv);
    } catch (cause) {
      throw new StorageError('STORAGE_AMBIGUOUS', `${what}: no answer, and reading what became of it`, {
        cause,
      });
    }
    throw new StorageError(
      'STORAGE_AMBIGUOUS',
      `${what}: no answer, and later writes hide what became of it`,
    );
  }

  async #pause(what: string, deadlineMs: number): Promise<void> {
    if (this.#clock.monotonicMs() + pauseBetweenTriesMs >= deadlineMs)
      throw new StorageError('STORAGE_UNAVAILABLE', `${what}: etcd does not answer`);
    await delay(this.#clock, pauseBetweenTriesMs);
  }

  #prepare(put: StoragePut, index: number): Put {
    const plain = prepareObject(put.object);
    const prepared = this.#cipher === undefined ? plain : encryptPrepared(put.key, plain, this.#cipher);
    const writeId = this.#ids.next();
    const value = sealEnvelope(prepared, index, writeId);
    return { key: put.key, expectedRevision: revisionOf(put.expected), prepared, index, writeId, value };
  }
}

function nestedPut(put: Put): RequestOp {
  const { key, value, expectedRevision } = put;
  return {
    type: 'txn',
    txn: {
      compare: [{ key, modRevision: expectedRevision }],
      success: [{ type: 'put', key, value }],
      failure: [{ type: 'range', range: { key } }],
    },
  };
}

function eachResult(put: Put, response: TxnResponse, at: number): PutResult {
  const nested = response.responses[at]?.txn;
  if (nested?.succeeded === true) return written(put, response.header.revision);
  return toConflict(put.key, nested?.responses[0]?.range?.kvs[0]);
}

function written(put: Put, revision: number): StoredObject {
  const version = versionOf(revision, put.index);
  return { key: put.key, version, json: spliceVersion(put.prepared, version) };
}

/** The first condition that does not hold according to what the failed transaction read. */
function firstConflict(
  conditions: readonly { readonly key: string; readonly expectedRevision: number }[],
  response: TxnResponse,
): StorageError {
  const found = conditions.map(({ key, expectedRevision }, at) => {
    const kv: KeyValue | undefined = response.responses[at]?.range?.kvs[0];
    return { key, kv, holds: (kv?.modRevision ?? 0) === expectedRevision };
  });
  const first = found.find(({ holds }) => !holds) ?? found[0];
  return conflictError(toConflict(first?.key ?? '', first?.kv));
}
