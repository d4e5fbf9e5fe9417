import { type StorageConflict, StorageError } from './storage.ts';

export function conflictError(conflict: StorageConflict): StorageError {
  return new StorageError(
    'STORAGE_CONFLICT',
    `write ${conflict.key}: its version is ${conflict.actual}, another was expected`,
    { conflict },
  );
}
