/** A body comes at a least rate: who sends it a byte at a time holds a request open for nothing. */
import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';

/** For the way, and for a slow start. */
const graceMs = 10_000;
const leastBytesPerSecond = 64 * 1024;

/** How long a body of so many bytes may take; of unknown length: as long as the largest. */
export function bodyTimeMs(announced: string | undefined, largestBytes: number): number {
  const bytes = Math.min(Number(announced ?? largestBytes) || 0, largestBytes);
  return graceMs + Math.ceil((bytes / leastBytesPerSecond) * 1_000);
}

/**
 * Calls `late` with what to answer when the body is not there in time.
 *
 * @returns to be called when it is
 */
export function expectBody(clock: Clock, timeMs: number, late: (error: StatusError) => void): () => void {
  const timer = clock.setTimer(timeMs, () => late(tooSlow(timeMs)), { unref: true });
  return () => timer.cancel();
}

function tooSlow(timeMs: number): StatusError {
  const message = `the body of the request did not arrive within ${timeMs / 1_000}s`;
  return new StatusError({ reason: 'Timeout', code: 408, message });
}
