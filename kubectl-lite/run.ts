import type { Clock } from '../base/clock.ts';
import { CliError, describeFailure, usageError } from './cli-error.ts';
import { type Command, globalFlags } from './command.ts';
import { type FlagSpec, Flags, parseLine } from './flags.ts';
import { commands } from './registry.ts';
import { type Io, Session } from './session.ts';

const program = 'kubectl-lite';

export interface Surroundings {
  readonly io: Io;
  readonly clock: Clock;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly projectRoot: string | undefined;
  readonly signal: AbortSignal;
}

/** Runs one command line. @returns the exit code */
export async function runCommandLine(argv: readonly string[], around: Surroundings): Promise<number> {
  const { io } = around;
  const { before, name, after } = splitAtCommand(argv);
  if (name === undefined || name === 'help') {
    const asked = after[0] === undefined ? undefined : find(after[0]);
    io.out(asked === undefined ? overview() : helpOf(asked));
    return 0;
  }
  const command = find(name);
  if (command === undefined) {
    io.err(`error: unknown command "${name}" for "${program}"\n`);
    return 1;
  }
  let session: Session | undefined;
  try {
    const specs = mergeFlags(command.flags);
    const line = parseLine([...before, ...after], specs, `${program} ${command.name}`);
    if (line.flags.bool('help')) {
      io.out(helpOf(command));
      return 0;
    }
    session = new Session({ ...around, flags: line.flags });
    return (await command.run({ ...line, session })) ?? 0;
  } catch (error) {
    const text = describeFailure(error);
    if (text !== '') io.err(`${text}\n`);
    return error instanceof CliError ? error.exitCode : 1;
  } finally {
    session?.close();
  }
}

/** Global flags may stand before the command. */
function splitAtCommand(argv: readonly string[]): {
  readonly before: readonly string[];
  readonly name: string | undefined;
  readonly after: readonly string[];
} {
  for (let i = 0; i < argv.length; i += 1) {
    const word = argv[i] ?? '';
    if (!word.startsWith('-')) return { before: argv.slice(0, i), name: word, after: argv.slice(i + 1) };
    if (word === '--help' || word === '-h') return { before: [], name: undefined, after: [] };
    const spec = globalFlags.find((flag) => word === `--${flag.name}` || word === `-${flag.short}`);
    if (spec === undefined && !word.includes('=') && !/^-n./.test(word))
      throw usageError(`unknown flag: ${word}\nSee '${program} --help' for usage.`);
    if (spec !== undefined && spec.kind !== 'boolean') i += 1;
  }
  return { before: [], name: undefined, after: [] };
}

/** A command's own flag wins over a global one, as `-n` nowhere but `-u` may. */
function mergeFlags(own: readonly FlagSpec[]): FlagSpec[] {
  const names = new Set(own.map((flag) => flag.name));
  return [...own, ...globalFlags.filter((flag) => !names.has(flag.name))];
}

function find(name: string): Command | undefined {
  return commands.find((command) => command.name === name || command.aliases?.includes(name) === true);
}

function overview(): string {
  const width = Math.max(...commands.map((command) => command.name.length)) + 3;
  const lines = commands.map((command) => `  ${command.name.padEnd(width)}${command.summary}`);
  return `${program} controls the cluster.

Commands:
${lines.join('\n')}

Usage:
  ${program} [flags] [options]

Use "${program} <command> --help" for more information about a given command.
`;
}

function helpOf(command: Command): string {
  const shown = mergeFlags(command.flags).map((flag) => {
    const short = flag.short === undefined ? '    ' : `-${flag.short}, `;
    const fallback = new Flags([flag], new Map()).text(flag.name);
    const value = flag.kind === 'boolean' ? 'false' : flag.kind === 'list' ? '[]' : (fallback ?? "''");
    return `    ${short}--${flag.name}=${value}:\n\t${flag.help ?? ''}\n`;
  });
  return `${command.summary}.

Options:
${shown.join('\n')}
Usage:
  ${program} ${command.usage} [options]
`;
}
