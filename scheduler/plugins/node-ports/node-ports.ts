import { type HostPort, HostPortSet } from '../../framework/host-port.ts';
import type { NodeInfo } from '../../framework/node-info.ts';
import type { NodeFilter } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';

/** Ports that pods of this or a higher priority wait for are taken, too. */
export const nodePorts: NodeFilter = {
  name: 'NodePorts',
  concerns: ({ hostPorts }) => hostPorts.length > 0,
  admits: (pod, node) => takenPort(pod, node) === undefined,
  reject(pod, node) {
    const taken = takenPort(pod, node);
    return {
      reasons: ["node(s) didn't have free ports for the requested pod ports"],
      isFinal: false,
      change: `${taken?.protocol} port ${taken?.port} of the node free`,
    };
  },
};

function takenPort(pod: PodClass, node: NodeInfo): HostPort | undefined {
  const nominated = new HostPortSet();
  for (const { podClass } of node.nominations)
    if (podClass.priority >= pod.priority) for (const port of podClass.hostPorts) nominated.add(port);
  return pod.hostPorts.find((port) => node.hostPorts.conflictsWith(port) || nominated.conflictsWith(port));
}
