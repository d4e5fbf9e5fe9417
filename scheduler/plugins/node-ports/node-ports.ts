import type { NodeFilter } from '../../framework/plugin.ts';

export const nodePorts: NodeFilter = {
  name: 'NodePorts',
  filter(pod, node) {
    const taken = pod.hostPorts.find((port) => node.hostPorts.conflictsWith(port));
    if (taken === undefined) return undefined;
    return {
      reasons: ["node(s) didn't have free ports for the requested pod ports"],
      isFinal: false,
      detail: `${taken.protocol} ${taken.ip}:${taken.port}`,
    };
  },
};
