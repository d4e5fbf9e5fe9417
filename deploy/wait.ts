import { type Clock, delay } from '../base/clock.ts';
import { messageOf } from '../base/invariant.ts';
import type { Layout } from './layout.ts';
import { lastLogLines, logFile, runningPid } from './units.ts';
import { UserError } from './user-error.ts';

const pollMs = 20;
/** A part whose process was seen under this many pids before it was ready does not come up by itself. */
const maxRestarts = 5;

/** Polls `probe` until it does not throw. @throws UserError with the probe's last words after `deadlineMs`. */
export async function waitUntil<T>(
  clock: Clock,
  what: string,
  deadlineMs: number,
  probe: () => Promise<T>,
  giveUp: () => string | undefined = () => undefined,
): Promise<T> {
  const endMs = clock.monotonicMs() + deadlineMs;
  for (;;) {
    try {
      return await probe();
    } catch (error) {
      const reason =
        clock.monotonicMs() > endMs ? `not within ${deadlineMs / 1000} s: ${messageOf(error)}` : giveUp();
      if (reason !== undefined) throw new UserError(`${what}: ${reason}`);
      await delay(clock, pollMs);
    }
  }
}

/** Waits for a part of the cluster; a failure says which part, why (its last log lines) and where its log is. */
export async function waitForUnit<T>(
  layout: Layout,
  clock: Clock,
  unit: string,
  deadlineMs: number,
  probe: () => Promise<T>,
): Promise<T> {
  const pids = new Set<number>();
  const giveUp = (): string | undefined => {
    const pid = runningPid(layout, unit);
    if (pid !== undefined) pids.add(pid);
    return pids.size > maxRestarts ? `it ended ${pids.size - 1} times` : undefined;
  };
  try {
    return await waitUntil(clock, `${unit} does not become ready`, deadlineMs, probe, giveUp);
  } catch (error) {
    throw new UserError(
      `${messageOf(error)}\nlast lines of ${logFile(layout, unit)}:\n${lastLogLines(layout, unit, 12)}`,
    );
  }
}
