import { internalError, StatusError } from '../../api/status-error.ts';
import { StorageError } from '../storage/storage.ts';

/** How a failure of the store is told to a client. A conflict has been dealt with before. */
export function toStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (!(error instanceof StorageError)) return internalError(error);
  switch (error.code) {
    case 'STORAGE_AMBIGUOUS':
      return new StatusError({
        reason: 'Timeout',
        code: 504,
        message: `Timeout: the store did not answer in time and the request may have been carried out: ${error.message}`,
        details: { retryAfterSeconds: 1 },
        cause: error,
      });
    case 'STORAGE_UNAVAILABLE':
      return new StatusError({
        reason: 'ServiceUnavailable',
        code: 503,
        message: `the store is unavailable: ${error.message}`,
        details: { retryAfterSeconds: 1 },
        cause: error,
      });
    case 'STORAGE_TOO_LARGE':
      return new StatusError({
        reason: 'RequestEntityTooLarge',
        code: 413,
        message: `Request entity too large: ${error.message}`,
        cause: error,
      });
    case 'STORAGE_NO_SPACE':
      return new StatusError({
        reason: 'InternalError',
        code: 500,
        message: `etcdserver: mvcc: database space exceeded: ${error.message}`,
        cause: error,
      });
    case 'STORAGE_COMPACTED':
    case 'STORAGE_RESTORED':
      return new StatusError({
        reason: 'Expired',
        code: 410,
        message: 'The resourceVersion for the provided list is too old.',
        cause: error,
      });
    case 'STORAGE_CONFLICT':
    case 'STORAGE_CORRUPT':
      return internalError(error);
  }
}

export const isStorageConflict = (error: unknown): error is StorageError =>
  error instanceof StorageError && error.code === 'STORAGE_CONFLICT';

/** Whether it was a mistake in the program and no answer that it meant to give: in Go, a panic. */
export function isUnforeseen(error: unknown): boolean {
  if (!(error instanceof StatusError)) return toStatusError(error).reason === 'InternalError';
  const { cause } = error;
  return cause instanceof TypeError || cause instanceof RangeError || cause instanceof ReferenceError;
}
