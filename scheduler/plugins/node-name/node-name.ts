import type { NodeFilter } from '../../framework/plugin.ts';

export const nodeName: NodeFilter = {
  name: 'NodeName',
  filter(pod, node) {
    if (pod.nodeName === undefined || pod.nodeName === node.name) return undefined;
    return { reasons: ["node(s) didn't match the requested node name"], isFinal: true };
  },
};
