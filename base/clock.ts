/** A pending timer. `cancel` is idempotent. */
export interface Timer {
  cancel(): void;
}

/**
 * Time, injected. Wall time is for what users see; monotonic time for every interval and deadline.
 * The simulation replaces it by a virtual clock, so nothing outside `base/` may ask the platform for time.
 */
export interface Clock {
  /** Wall time in milliseconds since the epoch. */
  nowMs(): number;
  /** Milliseconds since an arbitrary start; never goes back. */
  monotonicMs(): number;
  /** Calls `run` once after `delayMs`. An unref'd timer does not keep the process alive. */
  setTimer(delayMs: number, run: () => void, options?: { readonly unref?: boolean }): Timer;
  /** Calls `run` after all I/O that has arrived is handled (`setImmediate`). */
  setImmediate(run: () => void): Timer;
}

/** A timer of the platform that is set to more than this (25 days) fires at once. */
const longestTimerMs = 2 ** 31 - 1;

/** The platform's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  setTimer(delayMs, run, options) {
    if (delayMs > longestTimerMs) return setLongTimer(delayMs, run, options);
    const handle = setTimeout(run, delayMs);
    if (options?.unref === true) handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  setImmediate(run) {
    const handle = setImmediate(run);
    return { cancel: () => clearImmediate(handle) };
  },
};

/** One timer after the other until `delayMs` are over. */
function setLongTimer(delayMs: number, run: () => void, options?: { readonly unref?: boolean }): Timer {
  const next = (): Timer => systemClock.setTimer(delayMs - longestTimerMs, run, options);
  let timer = systemClock.setTimer(
    longestTimerMs,
    () => {
      timer = next();
    },
    options,
  );
  return { cancel: () => timer.cancel() };
}

/** Resolves after `delayMs`, or at once when `signal` aborts: an abort is not an error, so look at the signal after. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) return resolve();
    const onAbort = (): void => {
      timer.cancel();
      resolve();
    };
    const timer = clock.setTimer(delayMs, () => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}

/** Wall time as Kubernetes' `Time`: RFC 3339 in UTC, whole seconds. */
export function toTime(epochMs: number): string {
  return `${new Date(epochMs).toISOString().slice(0, 19)}Z`;
}

/** Wall time as Kubernetes' `MicroTime`: RFC 3339 in UTC, six decimals. */
export function toMicroTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.(\d{3})Z$/, '.$1000Z');
}
