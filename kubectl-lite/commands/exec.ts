import type { StatusBody } from '../../api/status-error.ts';
import { fromStatus } from '../../client/response.ts';
import { pathOf } from '../api.ts';
import { CliError, usageError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { type ChannelSocket, channel, openChannels } from '../exec/channel-socket.ts';
import { followStdin, followTerminalSize, isTerminal, rawTerminal } from '../exec/terminal.ts';
import { announceDefault, choosePod, defaultContainer, requireContainer } from '../pod-choice.ts';
import type { Session } from '../session.ts';

const stdinRetryMs = 5;

export const execCommand: Command = {
  name: 'exec',
  usage: 'exec (POD | TYPE/NAME) [-c CONTAINER] [-i] [-t] -- COMMAND [args...]',
  summary: 'Execute a command in a container',
  flags: [
    { name: 'container', short: 'c', kind: 'text', help: 'Which container' },
    { name: 'stdin', short: 'i', kind: 'boolean', help: 'Pass standard input on' },
    { name: 'tty', short: 't', kind: 'boolean', help: 'Standard input is a terminal' },
    { name: 'quiet', short: 'q', kind: 'boolean', help: 'Only the output of the command' },
  ],
  async run(invocation) {
    const { session, flags, args, rest } = invocation;
    const [target, ...more] = args;
    if (target === undefined) throw usageError('pod, type/name or --filename must be specified');
    if (rest === undefined && more.length > 0)
      throw usageError(
        "exec [POD] [COMMAND] is not supported anymore. Use exec [POD] -- [COMMAND] instead\nSee 'kubectl-lite exec -h' for help and examples",
      );
    if (rest === undefined || rest.length === 0)
      throw usageError('you must specify at least one command for the container');
    const pod = await choosePod(session, [target]);
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed')
      throw usageError(
        `cannot exec into a container in a completed pod; current phase is ${pod.status.phase}`,
      );
    const named = flags.text('container');
    const container = named === undefined ? defaultContainer(pod) : requireContainer(pod, named);
    if (named === undefined && !flags.bool('quiet')) announceDefault(session, pod);
    const isTty = flags.bool('tty') && isTerminal();
    if (flags.bool('tty') && !isTty)
      session.io.err('Unable to use a TTY - input is not a terminal or the right kind of file\n');
    const kind = await (await session.kinds()).byName('pods');
    const query = new URLSearchParams([
      ...rest.map((word): [string, string] => ['command', word]),
      ['container', container],
      ...(flags.bool('stdin') ? [['stdin', 'true'] as [string, string]] : []),
      ['stdout', 'true'],
      isTty ? ['tty', 'true'] : ['stderr', 'true'],
    ]);
    const { namespace, name } = pod.metadata;
    const path = `${pathOf({ kind, namespace, name, subresource: 'exec' })}?${query}`;
    return exitCodeOf(await converse(session, path, { stdin: flags.bool('stdin'), tty: isTty }));
  },
};

async function converse(
  session: Session,
  path: string,
  mode: { readonly stdin: boolean; readonly tty: boolean },
): Promise<Partial<StatusBody>> {
  const { config } = await session.api();
  const socket = await openChannels(config, path, (number, bytes) => {
    if (number === channel.stdout) process.stdout.write(bytes);
    else if (number === channel.stderr) process.stderr.write(bytes);
  });
  const endings = [mode.tty ? rawTerminal() : () => undefined];
  if (mode.tty) endings.push(followTerminalSize((columns, rows) => sendSize(socket, columns, rows)));
  if (mode.stdin) endings.push(sendStdin(session, socket));
  try {
    return await socket.ended;
  } finally {
    for (const end of endings) end();
  }
}

function sendSize(socket: ChannelSocket, columns: number, rows: number): void {
  socket.send(channel.resize, Buffer.from(JSON.stringify({ Width: columns, Height: rows })));
}

function sendStdin(session: Session, socket: ChannelSocket): () => void {
  return followStdin({
    send: (bytes) => socket.send(channel.stdin, bytes),
    end: () => {
      if (socket.canClose) socket.send(channel.close, Buffer.from([channel.stdin]));
    },
    queuedBytes: socket.queuedBytes,
    soon: (run) => void session.clock.setTimer(stdinRetryMs, run),
  });
}

/** The command's own exit code becomes ours. @throws when it never ran */
function exitCodeOf(status: Partial<StatusBody>): number | undefined {
  if (status.status === 'Success') return undefined;
  if (status.reason !== 'NonZeroExitCode') {
    if (status.reason === undefined || status.reason === 'InternalError')
      throw usageError(
        `Internal error occurred: ${(status.message ?? '').replace(/^Internal error occurred: /, '')}`,
      );
    throw fromStatus(status);
  }
  const exitCode = Number(status.details?.causes?.find(({ reason }) => reason === 'ExitCode')?.message ?? 1);
  throw new CliError(`command terminated with exit code ${exitCode}`, exitCode);
}
