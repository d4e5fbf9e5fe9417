import { createToken, joiningGroup, joinLine, randomToken, ttlFlag } from '../bootstrap-token.ts';
import { usageError } from '../cli-error.ts';
import type { Command } from '../command.ts';

export const joinCommandCommand: Command = {
  name: 'join-command',
  usage: 'join-command [--ttl=24h]',
  summary: 'Print the line by which another machine joins, with a new token',
  flags: [ttlFlag],
  async run({ session, flags, args }) {
    if (args.length > 0) throw usageError(`USAGE: ${joinCommandCommand.usage}`);
    const token = randomToken();
    const ttlMs = flags.durationMs('ttl') ?? 0;
    const usages = ['signing', 'authentication'];
    const description = 'made by kubectl-lite join-command';
    // What cannot be joined gets no token.
    const line = await joinLine(session, token);
    await createToken(session, { token, ttlMs, usages, groups: joiningGroup, description });
    session.io.out(`${line}\n`);
    return undefined;
  },
};
