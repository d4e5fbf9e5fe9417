import type { NodeFilter } from '../../framework/plugin.ts';

export const nodeName: NodeFilter = {
  name: 'NodeName',
  isStanding: true,
  concerns: (pod) => pod.nodeName !== undefined,
  admits: (pod, node) => pod.nodeName === node.name,
  reject: (pod) => ({
    reasons: ["node(s) didn't match the requested node name"],
    isFinal: true,
    change: `the node would have to be ${pod.nodeName}`,
  }),
};
