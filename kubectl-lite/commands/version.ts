import type { Command } from '../command.ts';

/** The API that this client speaks. */
const clientVersion = { major: '1', minor: '36', gitVersion: 'v1.36.0-coracle' };

export const versionCommand: Command = {
  name: 'version',
  usage: 'version',
  summary: 'Print the client and server version information',
  flags: [
    { name: 'client', kind: 'boolean', help: 'Only the version of this program' },
    { name: 'output', short: 'o', kind: 'text', help: 'json or yaml' },
  ],
  async run({ session, flags }) {
    const versions: Record<string, unknown> = { clientVersion };
    const format = flags.text('output');
    if (!flags.bool('client'))
      versions['serverVersion'] = await (await session.api()).send('GET', '/version');
    if (format === 'json') session.io.out(`${JSON.stringify(versions, undefined, 2)}\n`);
    else if (format === 'yaml') {
      const { toYaml } = await import('../yaml-text.ts');
      session.io.out(toYaml(versions));
    } else {
      session.io.out(`Client Version: ${clientVersion.gitVersion}\n`);
      const server: { gitVersion?: string } = Object(versions['serverVersion']);
      if (server.gitVersion !== undefined) session.io.out(`Server Version: ${server.gitVersion}\n`);
    }
    return undefined;
  },
};
