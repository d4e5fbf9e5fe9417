import type { Clock } from '../../base/clock.ts';
import { CommandError, runCommand } from '../runtime/command.ts';

/** `ip`, `nft` and the like, in the network namespace that a node's network lives in. */
export interface KernelCommands {
  /** @returns standard output. @throws CommandError (code `COMMAND_FAILED`) when the command reports a failure. */
  run(argv: readonly string[], input?: string): Promise<string>;
}

/** A list of 10,000 services is about 10 MB as `nft -j list` prints it. */
const keptOutputBytes = 256 * 1024 * 1024;
const timeoutMs = 60_000;

/** Runs commands with `prefix` before them: empty on a host, `nsenter --net=...` where a test plays several hosts. */
export function createKernelCommands(clock: Clock, prefix: readonly string[] = []): KernelCommands {
  return {
    async run(argv, input) {
      const [file = '', ...args] = [...prefix, ...argv];
      const options = { clock, timeoutMs, keptBytes: keptOutputBytes };
      const result = await runCommand(file, args, input === undefined ? options : { ...options, input });
      if (result.exitCode !== 0) throw new CommandError(argv.join(' '), result);
      return result.stdout.toString('utf8');
    },
  };
}
