/**
 * Runs `run` once when `signal` aborts, and at once when it has: a listener alone misses an abort that came while its
 * owner was waiting for something else. @returns how to listen no longer
 */
export function onAbort(signal: AbortSignal, run: () => void): () => void {
  if (signal.aborted) {
    run();
    return () => undefined;
  }
  const once = (): void => run();
  signal.addEventListener('abort', once, { once: true });
  return () => signal.removeEventListener('abort', once);
}
