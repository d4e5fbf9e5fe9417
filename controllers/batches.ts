/** Requests that one controller has in flight for one object at most. */
const maxParallel = 64;

export interface BatchResult {
  readonly succeeded: number;
  /** Never tried, because an earlier batch had a failure. */
  readonly skipped: number;
  readonly failure: unknown;
}

/**
 * Runs `run(i)` for 0..count-1 in batches of 1, 2, 4, 8, ... and stops after the first batch with a failure: a hundred
 * pods that cannot be created cost one refused request, not a hundred.
 */
export async function runInGrowingBatches(
  count: number,
  run: (index: number) => Promise<void>,
): Promise<BatchResult> {
  let done = 0;
  for (let size = 1; done < count; size = Math.min(size * 2, maxParallel)) {
    const batch = Math.min(size, count - done);
    const outcomes = await Promise.allSettled(Array.from({ length: batch }, (_, i) => run(done + i)));
    done += batch;
    const failed = outcomes.filter((outcome) => outcome.status === 'rejected');
    if (failed.length > 0)
      return { succeeded: done - failed.length, skipped: count - done, failure: failed[0]?.reason };
  }
  return { succeeded: count, skipped: 0, failure: undefined };
}

/** Runs `run` for every item, a bounded number at a time; all are tried. @throws the first failure, when all are done. */
export async function runBounded<T>(
  items: readonly T[],
  run: (item: T) => Promise<void>,
  limit: number = maxParallel,
): Promise<void> {
  let next = 0;
  let failure: { readonly error: unknown } | undefined;
  const worker = async (): Promise<void> => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) {
      try {
        await run(item);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  if (failure !== undefined) throw failure.error;
}
