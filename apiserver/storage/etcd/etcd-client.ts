import { type Clock, delay } from '../../../base/clock.ts';
import { EtcdConnector, type EtcdEndpoints } from './connector.ts';
import { GrpcError, grpcStatus } from './grpc-error.ts';
import { StoreIdentity } from './identity.ts';
import {
  decodeRange,
  decodeStatus,
  decodeTxn,
  encodeCompaction,
  encodeRange,
  encodeStatus,
  encodeTxn,
  type RangeRequest,
  type RangeResponse,
  type StatusResponse,
  type TxnRequest,
  type TxnResponse,
} from './messages.ts';

/** One try. With other members to ask, a silent one is given up earlier. */
const attemptMs = 10_000;
const attemptWithAlternativesMs = 3_000;
/** Everything that one call does, repetitions included. */
export const operationMs = 15_000;
const pauseBetweenReadsMs = 100;

const rangePath = '/etcdserverpb.KV/Range';
const txnPath = '/etcdserverpb.KV/Txn';
const statusPath = '/etcdserverpb.Maintenance/Status';
const compactPath = '/etcdserverpb.KV/Compact';

/**
 * etcd's calls. Reads are repeated until they succeed or their time is up. A write is tried exactly once after its
 * first byte may have left: repetition is for those who have read what became of it.
 */
export class EtcdClient {
  readonly identity: StoreIdentity = new StoreIdentity();
  /** The watch alone: large reads on the same connection starve it. */
  readonly watches: EtcdConnector;
  readonly #calls: EtcdConnector;
  readonly #scans: EtcdConnector;
  readonly #clock: Clock;
  #closed = false;

  constructor(options: EtcdEndpoints) {
    this.watches = new EtcdConnector(options);
    this.#calls = new EtcdConnector(options);
    this.#scans = new EtcdConnector(options);
    this.#clock = options.clock;
  }

  range(request: RangeRequest): Promise<RangeResponse> {
    return this.#read(this.#calls, request);
  }

  /** A large read, on a connection of its own. */
  scan(request: RangeRequest): Promise<RangeResponse> {
    return this.#read(this.#scans, request);
  }

  /** @throws GrpcError after which, unless it `isRefusal` or was not `sent`, the write may have happened. */
  async txn(request: TxnRequest, deadlineMs: number): Promise<TxnResponse> {
    const atLeast = this.identity.revision;
    const answer = await this.#attempt(this.#calls, txnPath, encodeTxn(request), deadlineMs);
    const response = decodeTxn(answer);
    this.identity.observe(response.header, atLeast);
    return response;
  }

  async compact(revision: number): Promise<void> {
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    await this.#attempt(this.#scans, compactPath, encodeCompaction(revision), deadlineMs);
  }

  /** Of the member that answers calls at present. */
  async status(): Promise<StatusResponse> {
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    return decodeStatus(await this.#attempt(this.#calls, statusPath, encodeStatus(), deadlineMs));
  }

  close(): void {
    this.#closed = true;
    for (const connector of [this.watches, this.#calls, this.#scans]) connector.close();
  }

  async #read(connector: EtcdConnector, request: RangeRequest): Promise<RangeResponse> {
    const frame = encodeRange(request);
    const deadlineMs = this.#clock.monotonicMs() + operationMs;
    for (;;) {
      const atLeast = this.identity.revision;
      try {
        const response = decodeRange(await this.#attempt(connector, rangePath, frame, deadlineMs));
        this.identity.observe(response.header, atLeast);
        return response;
      } catch (error) {
        const isFinal =
          this.#closed || !(error instanceof GrpcError) || error.isRefusal || error.answerBytes !== undefined;
        if (isFinal || this.#clock.monotonicMs() + pauseBetweenReadsMs > deadlineMs) throw error;
        await delay(this.#clock, pauseBetweenReadsMs);
      }
    }
  }

  async #attempt(connector: EtcdConnector, path: string, frame: Buffer, deadlineMs: number): Promise<Buffer> {
    for (;;) {
      const leftMs = deadlineMs - this.#clock.monotonicMs();
      if (leftMs <= 0)
        throw new GrpcError({
          status: grpcStatus.deadlineExceeded,
          message: `${path}: no time left`,
          sent: false,
        });
      const connection = await connector.connection(leftMs);
      const timeoutMs = Math.min(leftMs, connector.hasAlternatives ? attemptWithAlternativesMs : attemptMs);
      try {
        return await connection.unary(path, frame, timeoutMs);
      } catch (error) {
        if (!(error instanceof GrpcError)) throw error;
        if (!error.isRefusal && error.answerBytes === undefined) connector.distrust(connection);
        if (error.sent) throw error;
      }
    }
  }
}
