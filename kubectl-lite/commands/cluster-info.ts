import type { Command } from '../command.ts';

export const clusterInfoCommand: Command = {
  name: 'cluster-info',
  usage: 'cluster-info',
  summary: 'Display cluster information',
  flags: [],
  async run({ session }) {
    const api = await session.api();
    await api.text('/version');
    session.io.out(`Kubernetes control plane is running at ${api.config.server}

To further debug and diagnose cluster problems, use 'kubectl cluster-info dump'.
`);
    return undefined;
  },
};
