/** etcd refuses requests above 1.5 MB; what is around the values has room in between. */
const batchBytes = 1024 * 1024;

/**
 * Cuts writes into transactions: at most `limit` of them and 1 MB in each, and no key twice, which etcd refuses. Order
 * is kept, so a second write of a key comes in a later transaction.
 */
export function toBatches<T extends { readonly key: string }>(
  writes: readonly T[],
  options: { readonly limit: number; readonly bytesOf: (write: T) => number },
): T[][] {
  const batches: T[][] = [];
  let keys = new Set<string>();
  let bytes = 0;
  for (const write of writes) {
    const size = options.bytesOf(write);
    const current = batches.at(-1);
    const fits = current !== undefined && current.length < options.limit && bytes + size <= batchBytes;
    if (current !== undefined && fits && !keys.has(write.key)) current.push(write);
    else {
      batches.push([write]);
      keys = new Set();
      bytes = 0;
    }
    keys.add(write.key);
    bytes += size;
  }
  return batches;
}
