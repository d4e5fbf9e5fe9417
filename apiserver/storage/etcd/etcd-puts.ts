import type { Clock } from '../../../base/clock.ts';
import { delay } from '../../../base/clock.ts';
import { conflictError } from '../conflict-error.ts';
import type { ValueCipher } from '../encryption/value-cipher.ts';
import { encryptPrepared, type PreparedObject, prepareWrite, sealEnvelope } from '../envelope.ts';
import {
  type StorageCheck,
  type StorageConflict,
  StorageError,
  type StoragePut,
  type StorageRewrite,
  type StoredObject,
} from '../storage.ts';
import { maxWritesPerTransaction, revisionOf, versionOf } from '../version.ts';
import { toBatches } from '../write-batches.ts';
import { type EtcdClient, operationMs } from './etcd-client.ts';
import { GrpcError, toStorageError } from './grpc-error.ts';
import type { KeyValue, RequestOp, TxnRequest, TxnResponse } from './messages.ts';
import type { OwnWrites } from './own-writes.ts';
import { toConflict } from './stored.ts';
import { fateOfPut } from './write-fate.ts';

const pauseBetweenTriesMs = 50;
/** Transactions under way together: etcd brings them to the disk as one, which costs it a fifth less. */
const batchesAtOnce = 4;

/** A put serialised. The same bytes are written however often it is tried. */
export interface PreparedPut {
  readonly key: string;
  readonly expectedRevision: number;
  readonly prepared: PreparedObject;
  readonly writeId: Buffer;
  /** Whoever wrote it knows what it replaces. */
  readonly isRewrite: boolean;
  /** That what it replaces has changed meanwhile is the exception. */
  readonly isLikely?: boolean;
}

/** A put in its place in a transaction, as it goes to etcd. */
interface PlacedPut extends PreparedPut {
  readonly index: number;
  readonly value: Buffer;
}

export type PutResult = StoredObject | StorageConflict;

/**
 * Puts, all together or each for itself. When an answer does not arrive, the store is read and decides: what is
 * certainly not written is tried again with the same write id, so that a late arrival of the first try is no second
 * write; what cannot be known is `STORAGE_AMBIGUOUS`.
 */
export class EtcdPuts {
  readonly #client: EtcdClient;
  readonly #clock: Clock;
  readonly #cipher: ValueCipher | undefined;
  readonly #own: OwnWrites;

  constructor(options: {
    readonly client: EtcdClient;
    readonly cipher: ValueCipher | undefined;
    readonly clock: Clock;
    readonly own: OwnWrites;
  }) {
    this.#client = options.client;
    this.#cipher = options.cipher;
    this.#clock = options.clock;
    this.#own = options.own;
  }

  /** Serialises `put`. */
  prepare(put: StoragePut | StorageRewrite): PreparedPut {
    const { key, expected } = put;
    const plain = prepareWrite(put);
    const prepared = this.#cipher === undefined ? plain : encryptPrepared(key, plain, this.#cipher);
    const isRewrite = put.type === 'rewrite';
    const content = isRewrite ? { base: expected, changes: put.changes } : { object: put.object };
    const writeId = this.#own.begin(content, plain);
    const isLikely = put.type === 'rewrite' || put.isLikely === true;
    return { key, expectedRevision: revisionOf(expected), prepared, writeId, isRewrite, isLikely };
  }

  /** @throws StorageError */
  async all(puts: readonly StoragePut[], checks: readonly StorageCheck[]): Promise<StoredObject[]> {
    if (puts.length > maxWritesPerTransaction)
      throw new StorageError('STORAGE_TOO_LARGE', `write ${puts.length} objects in one transaction`);
    const conditions = checks.map(toCondition);
    const prepared = puts.map((put) => this.prepare(put));
    try {
      return await this.#together(prepared, conditions);
    } catch (error) {
      for (const { writeId } of prepared) this.#own.forget(writeId);
      throw error;
    }
  }

  async #together(puts: readonly PreparedPut[], checks: readonly Condition[]): Promise<StoredObject[]> {
    const attempts = puts.map(toPlaced);
    const conditions = [...attempts, ...checks];
    const request: TxnRequest = {
      compare: conditions.map(({ key, expectedRevision }) => ({ key, modRevision: expectedRevision })),
      success: attempts.map(({ key, value }) => ({ type: 'put', key, value })),
      failure: conditions.map(({ key }) => ({ type: 'range', range: { key } })),
    };
    const what = `write ${conditions.map(({ key }) => key).join(', ')}`;
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    for (let isRepeated = false; ; isRepeated = true) {
      const response = await this.#try(what, request, deadlineMs);
      if (response?.succeeded === true)
        return attempts.map((put) => this.#written(put, response.header.revision));
      if (response !== undefined && !isRepeated) throw firstConflict(conditions, response);
      const stored = await this.#allStored(what, attempts);
      if (stored !== undefined) return stored;
      if (response !== undefined) throw firstConflict(conditions, response);
      await this.#pause(what, deadlineMs);
    }
  }

  /** Per put the stored object or the conflict. @throws StorageError when one of them fails otherwise. */
  async each(
    puts: readonly (StoragePut | StorageRewrite)[],
    checks: readonly StorageCheck[] = [],
  ): Promise<PutResult[]> {
    const prepared = puts.map((put) => this.prepare(put));
    const results = await this.settle(prepared, checks.map(toCondition));
    const failed = results.find((result) => result instanceof StorageError);
    if (failed !== undefined) throw failed;
    return results as PutResult[];
  }

  /** Per put the stored object, the conflict or the failure: none of them fails another. Never rejects. */
  async settle(
    puts: readonly PreparedPut[],
    checks: readonly Condition[] = [],
  ): Promise<(PutResult | StorageError)[]> {
    const results: (PutResult | StorageError)[] = [];
    const batches = toBatches(puts, { limit: maxWritesPerTransaction, bytesOf: sizeOf });
    const atOnce = isOrderFree(puts) ? batchesAtOnce : 1;
    for (let from = 0; from < batches.length; from += atOnce) {
      const some = batches.slice(from, from + atOnce).map((batch) => this.#settled(batch, checks));
      for (const settled of await Promise.all(some)) results.push(...settled);
    }
    for (const [at, result] of results.entries())
      if (!('json' in result)) this.#own.forget((puts[at] as PreparedPut).writeId);
    return results;
  }

  async #settled(
    batch: readonly PreparedPut[],
    checks: readonly Condition[],
  ): Promise<(PutResult | StorageError)[]> {
    try {
      return await this.#batch(batch, checks);
    } catch (error) {
      // etcd refused or lost this transaction; the others may still succeed.
      const failure = toStorageError(`write ${batch.length} objects, ${batch[0]?.key} first`, error);
      return batch.map(() => failure.conflict ?? failure);
    }
  }

  async #batch(
    batch: readonly PreparedPut[],
    checks: readonly Condition[],
  ): Promise<(PutResult | StorageError)[]> {
    const [only, ...more] = batch;
    if (only !== undefined && more.length === 0) return [await this.#alone(only, checks)];
    const unanimous = await this.#unanimous(batch, checks);
    if (unanimous !== undefined) return unanimous;
    const puts = batch.map(toPlaced);
    const results = new Map<PlacedPut, PutResult | StorageError>();
    const what = `write ${puts.length} objects, ${puts[0]?.key} first`;
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    for (let open = [...puts], isRepeated = false; open.length > 0; isRepeated = true) {
      const response = await this.#try(what, eachOf(open, checks), deadlineMs);
      if (response?.succeeded === false && !isRepeated) throw firstConflict(checks, response);
      const unsettled: PlacedPut[] = [];
      for (const [at, put] of open.entries()) {
        const answer =
          response?.succeeded === false
            ? firstConflict(checks, response).conflict
            : response && this.#eachResult(put, response, at);
        if (answer !== undefined && !('conflict' in answer && isRepeated)) results.set(put, answer);
        else {
          const fate = await this.#fateOrFailure(what, put);
          if (fate === undefined && answer === undefined) unsettled.push(put);
          else results.set(put, fate ?? (answer as PutResult));
        }
      }
      open = unsettled;
      if (open.length > 0) await this.#pause(what, deadlineMs);
    }
    return puts.map((put) => results.get(put) as PutResult);
  }

  /**
   * All or none of those that probably can be written, which costs etcd a fifth less than each for itself.
   * @returns undefined when each must be asked for, and nothing is written yet
   */
  async #unanimous(
    batch: readonly PreparedPut[],
    checks: readonly Condition[],
  ): Promise<StoredObject[] | undefined> {
    if (!batch.every(({ isLikely }) => isLikely)) return undefined;
    try {
      return await this.#together(batch, checks);
    } catch (error) {
      if (error instanceof StorageError && error.conflict !== undefined) return undefined;
      throw error;
    }
  }

  async #alone(put: PreparedPut, checks: readonly Condition[]): Promise<PutResult> {
    try {
      const [stored] = await this.#together([put], checks);
      return stored as StoredObject;
    } catch (error) {
      // Here a conflict is a result.
      if (error instanceof StorageError && error.conflict !== undefined) return error.conflict;
      throw error;
    }
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
  async #allStored(what: string, puts: readonly PlacedPut[]): Promise<StoredObject[] | undefined> {
    const [first] = puts;
    const fate = first && (await this.#fate(what, first));
    if (fate === undefined) return undefined;
    if ('conflict' in fate) throw conflictError(fate);
    return puts.map((put) => this.#written(put, revisionOf(fate.version)));
  }

  /** As `#fate`, for one of many: what cannot be known of it says nothing about the others. */
  async #fateOrFailure(what: string, put: PlacedPut): Promise<PutResult | StorageError | undefined> {
    try {
      return await this.#fate(what, put);
    } catch (error) {
      return toStorageError(what, error);
    }
  }

  /** @returns undefined when `put` has not happened. @throws StorageError */
  async #fate(what: string, put: PlacedPut): Promise<PutResult | undefined> {
    try {
      const fate = await fateOfPut(this.#client, put);
      if (fate.type === 'unwritten') return undefined;
      if (fate.type === 'written') return this.#written(put, fate.revision);
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

  #eachResult(put: PlacedPut, response: TxnResponse, at: number): PutResult {
    const nested = response.responses[at]?.txn;
    if (nested?.succeeded === true) return this.#written(put, response.header.revision);
    return toConflict(put.key, nested?.responses[0]?.range?.kvs[0]);
  }

  #written(put: PlacedPut, revision: number): StoredObject {
    const version = versionOf(revision, put.index);
    return { key: put.key, version, json: this.#own.answer(put.writeId, put.prepared, version) };
  }
}

type Condition = Pick<PreparedPut, 'key' | 'expectedRevision'>;

/** Of its value, give or take the header. */
export const sizeOf = ({ prepared }: PreparedPut): number => prepared.json.length;

/** Whether no put may wait for another: each is of another key, and what is rewritten needs no fence. */
const isOrderFree = (puts: readonly PreparedPut[]): boolean =>
  puts.every(({ isRewrite }) => isRewrite) && new Set(puts.map(({ key }) => key)).size === puts.length;

function toPlaced(put: PreparedPut, index: number): PlacedPut {
  return { ...put, index, value: sealEnvelope(put.prepared, index, put.writeId) };
}

const toCondition = ({ key, expected }: StorageCheck): Condition => ({
  key,
  expectedRevision: revisionOf(expected),
});

const eachOf = (puts: readonly PlacedPut[], checks: readonly Condition[]): TxnRequest => ({
  compare: checks.map(({ key, expectedRevision }) => ({ key, modRevision: expectedRevision })),
  success: puts.map(nestedPut),
  failure: checks.map(({ key }) => ({ type: 'range', range: { key } })),
});

function nestedPut(put: PlacedPut): RequestOp {
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

/** The first condition that does not hold according to what the failed transaction read. */
function firstConflict(conditions: readonly Condition[], response: TxnResponse): StorageError {
  const found = conditions.map(({ key, expectedRevision }, at) => {
    const kv: KeyValue | undefined = response.responses[at]?.range?.kvs[0];
    return { key, kv, holds: (kv?.modRevision ?? 0) === expectedRevision };
  });
  const first = found.find(({ holds }) => !holds) ?? found[0];
  return conflictError(toConflict(first?.key ?? '', first?.kv));
}
