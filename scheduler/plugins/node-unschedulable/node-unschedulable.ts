import type { Taint } from '../../../api/generated/core-v1.ts';
import type { NodeFilter } from '../../framework/plugin.ts';
import { findUntoleratedTaint } from '../../framework/toleration.ts';

/** The taint that stands for a cordon; a pod that tolerates it may be placed on a cordoned node. */
const cordon: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: NodeFilter = {
  name: 'NodeUnschedulable',
  filter(pod, node) {
    if (!node.unschedulable || findUntoleratedTaint([cordon], pod.tolerations) === undefined)
      return undefined;
    return { reasons: ['node(s) were unschedulable'], isFinal: true };
  },
};
