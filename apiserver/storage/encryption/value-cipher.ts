/** How values lie in the store, where they do not lie there as they are. */
export interface ValueCipher {
  /** Whether values of `key` are read and written through the cipher. */
  covers(key: string): boolean;
  /**
   * @param context what else the value must stand beside; opening under another key or context fails
   * @returns undefined when the value is to be stored as it is
   * @throws StorageError `STORAGE_UNAVAILABLE` when no key may be written with
   */
  seal(key: string, value: Buffer, context: string): Buffer | undefined;
  /** @throws StorageError `STORAGE_CORRUPT` for an unknown key and for what is not the value that was sealed */
  open(key: string, sealed: Buffer, context: string): Buffer;
  /** Whether `seal` would now use another key, or none. `sealed` undefined: the value lies there as it is. */
  isStale(key: string, sealed: Buffer | undefined): boolean;
}
