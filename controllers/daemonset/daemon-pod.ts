import type { DaemonSet } from '../../api/generated/apps-v1.ts';
import type { Affinity, Node, Pod, PodSpec, Toleration } from '../../api/generated/core-v1.ts';
import { daemonsets } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import type { Random } from '../../base/random.ts';
import { fitsNodeAffinity } from '../node-affinity.ts';
import { podNamePrefix, toPod } from '../pod-creation.ts';
import { tolerates } from '../tolerations.ts';

export const revisionHashLabel = 'controller-revision-hash';
const generationLabel = 'pod-template-generation';
const generationAnnotation = 'deprecated.daemonset.template.generation';

/** A daemon stays on its node whatever becomes of it. */
const daemonTolerations: readonly Toleration[] = [
  { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
  { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/memory-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/pid-pressure', operator: 'Exists', effect: 'NoSchedule' },
  { key: 'node.kubernetes.io/unschedulable', operator: 'Exists', effect: 'NoSchedule' },
];
const hostNetworkToleration: Toleration = {
  ...{ key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' },
};

function tolerationsOf(spec: PodSpec): readonly Toleration[] {
  const own = spec.tolerations ?? [];
  const wanted =
    spec.hostNetwork === true ? [...daemonTolerations, hostNetworkToleration] : daemonTolerations;
  // The template's own for a time would end a daemon when that is over.
  const isReplaced = ({ key, effect, operator }: Toleration): boolean =>
    operator === 'Exists' && wanted.some((one) => one.key === key && one.effect === effect);
  return [...own.filter((one) => !isReplaced(one)), ...wanted];
}

export interface Fit {
  readonly shouldRun: boolean;
  /** A pod that is there may stay: only NoExecute taints drive it away. */
  readonly mayStay: boolean;
}

/** Whether the daemon set wants a pod on the node. */
export function fitOf({ spec }: DaemonSet, node: Node): Fit {
  const pod = spec.template.spec ?? { containers: [] };
  const named = pod.nodeName ?? '';
  if ((named !== '' && named !== node.metadata.name) || !fitsNodeAffinity(pod, node))
    return { shouldRun: false, mayStay: false };
  const tolerations = tolerationsOf(pod);
  const repels = (effects: readonly string[]): boolean =>
    (node.spec.taints ?? []).some(
      (taint) => effects.includes(taint.effect) && !tolerations.some((one) => tolerates(one, taint)),
    );
  return { shouldRun: !repels(['NoSchedule', 'NoExecute']), mayStay: !repels(['NoExecute']) };
}

/** The node that a daemon pod is for: where it runs, or where its affinity sends it. */
export function targetNodeOf({ spec }: Pod): string | undefined {
  if ((spec.nodeName ?? '') !== '') return spec.nodeName;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const fields = required?.nodeSelectorTerms.flatMap(({ matchFields }) => matchFields ?? []) ?? [];
  return fields.find(({ key }) => key === 'metadata.name')?.values?.[0];
}

export function newDaemonPod(
  daemonSet: DaemonSet,
  node: string,
  hash: string,
  random: Random,
): NewObject<Pod> {
  const { template } = daemonSet.spec;
  const generation = daemonSet.metadata.annotations?.[generationAnnotation];
  const labels = {
    ...template.metadata?.labels,
    [revisionHashLabel]: hash,
    ...(generation === undefined ? {} : { [generationLabel]: generation }),
  };
  const spec = template.spec ?? { containers: [] };
  const prepared = {
    metadata: { ...template.metadata, labels },
    spec: { ...spec, affinity: affinityTo(spec.affinity, node), tolerations: [...tolerationsOf(spec)] },
  };
  const owner = { type: daemonsets, owner: daemonSet };
  return toPod(owner, prepared, podNamePrefix(daemonSet.metadata.name), random);
}

/** The scheduler places daemon pods too; it is left one node to choose from. */
function affinityTo(affinity: Affinity | undefined, node: string): Affinity {
  const terms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [node] }] }];
  return {
    ...affinity,
    nodeAffinity: {
      ...affinity?.nodeAffinity,
      requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: terms },
    },
  };
}
