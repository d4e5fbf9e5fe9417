import type { Taint } from '../../../api/generated/core-v1.ts';
import type { NodeFilter } from '../../framework/plugin.ts';
import { findUntoleratedTaint } from '../../framework/toleration.ts';

/** The taint that stands for a cordon; a pod that tolerates it may be placed on a cordoned node. */
const cordon: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

export const nodeUnschedulable: NodeFilter = {
  name: 'NodeUnschedulable',
  isStanding: true,
  concerns: (pod) => findUntoleratedTaint([cordon], pod.tolerations) !== undefined,
  admits: (_, node) => !node.unschedulable,
  reject: () => ({ reasons: ['node(s) were unschedulable'], isFinal: true, change: 'uncordon the node' }),
};
