import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../base/clock.ts';
import { describeFailure } from './cli-error.ts';
import { runCommandLine } from './run.ts';

/** The clone that this program lies in: two levels up from the bundle, one from the source. */
function projectRoot(): string | undefined {
  const here = dirname(fileURLToPath(import.meta.url));
  const candidates = [dirname(here), dirname(dirname(here))];
  return candidates.find((directory) => existsSync(join(directory, 'package.json')));
}

const interrupt = new AbortController();
process.once('SIGINT', () => {
  interrupt.abort();
  process.exit(130);
});
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe has seen enough.
  if (error.code === 'EPIPE') process.exit(0);
  throw error;
});

const io = {
  out: (text: string): void => void process.stdout.write(text),
  err: (text: string): void => void process.stderr.write(text),
};

try {
  process.exitCode = await runCommandLine(process.argv.slice(2), {
    io,
    clock: systemClock,
    environment: process.env,
    projectRoot: projectRoot(),
    signal: interrupt.signal,
  });
} catch (error) {
  io.err(`${describeFailure(error)}\n`);
  process.exitCode = 1;
}
