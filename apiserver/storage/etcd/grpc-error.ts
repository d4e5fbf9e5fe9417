import { StorageError, type StorageErrorCode } from '../storage.ts';

/** Status codes of gRPC that are told apart here. @see https://grpc.io/docs/guides/status-codes/ */
export const grpcStatus = {
  cancelled: 1,
  unknown: 2,
  invalidArgument: 3,
  deadlineExceeded: 4,
  notFound: 5,
  permissionDenied: 7,
  resourceExhausted: 8,
  failedPrecondition: 9,
  outOfRange: 11,
  unimplemented: 12,
  unavailable: 14,
  unauthenticated: 16,
} as const;

/** Answers after which a write has certainly not happened. */
const refusals: ReadonlySet<number> = new Set([
  grpcStatus.invalidArgument,
  grpcStatus.notFound,
  grpcStatus.permissionDenied,
  grpcStatus.resourceExhausted,
  grpcStatus.failedPrecondition,
  grpcStatus.outOfRange,
  grpcStatus.unimplemented,
  grpcStatus.unauthenticated,
]);

/** A call that did not succeed. `sent` false: no byte of it reached etcd. */
export class GrpcError extends Error {
  readonly code = 'ETCD_CALL';
  readonly status: number;
  readonly sent: boolean;
  /** Of an answer that was not read because it is too large. */
  readonly answerBytes: number | undefined;

  constructor(options: {
    status: number;
    message: string;
    sent: boolean;
    cause?: unknown;
    answerBytes?: number | undefined;
  }) {
    super(options.message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'GrpcError';
    this.status = options.status;
    this.sent = options.sent;
    this.answerBytes = options.answerBytes;
  }

  /** etcd looked at the request and said no: neither repetition nor doubt is called for. */
  get isRefusal(): boolean {
    return this.sent && this.answerBytes === undefined && refusals.has(this.status);
  }
}

/** What a caller of storage gets to see. */
export function toStorageError(what: string, error: unknown): StorageError {
  if (error instanceof StorageError) return error;
  return new StorageError(codeFor(error), what, { cause: error });
}

function codeFor(error: unknown): StorageErrorCode {
  if (!(error instanceof GrpcError)) return 'STORAGE_UNAVAILABLE';
  const { message } = error;
  if (message.includes('database space exceeded')) return 'STORAGE_NO_SPACE';
  if (message.includes('has been compacted')) return 'STORAGE_COMPACTED';
  if (message.includes('is a future revision')) return 'STORAGE_RESTORED';
  if (message.includes('request is too large') || message.includes('larger than max'))
    return 'STORAGE_TOO_LARGE';
  if (message.includes('too many operations')) return 'STORAGE_TOO_LARGE';
  return 'STORAGE_UNAVAILABLE';
}
