import { messageOf } from './invariant.ts';
import type { Logger } from './logger.ts';

/** Aborts on SIGTERM and SIGINT. Each program's `main.ts` makes one and hands it down. */
export function signalOfTermination(): AbortSignal {
  const abort = new AbortController();
  for (const name of ['SIGTERM', 'SIGINT'] as const) process.once(name, () => abort.abort(name));
  return abort.signal;
}

/** Runs a program to its end: exit code 0 when it drained, 1 with the reason in the log when it failed. */
export async function runProgram(
  logger: Logger,
  program: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  try {
    await program(signalOfTermination());
    process.exit(0);
  } catch (error) {
    logger.error({ err: error }, messageOf(error));
    process.exit(1);
  }
}
