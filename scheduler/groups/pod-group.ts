/**
 * Which group a pod belongs to: `spec.schedulingGroup.podGroupName`, or the labels by which schedulers of groups have
 * known them so far. The least number of members stands in the PodGroup object of that name; the older label says it
 * on the pods themselves.
 */
import type { Pod } from '../../api/generated/core-v1.ts';

const groupLabel = 'scheduling.x-k8s.io/pod-group';
const olderGroupLabel = 'pod-group.scheduling.sigs.k8s.io/name';
const olderMinLabel = 'pod-group.scheduling.sigs.k8s.io/min-available';

export interface GroupReference {
  /** `<namespace>/<name>` */
  readonly key: string;
  readonly name: string;
  /** What the pod itself says. */
  readonly minCount: number | undefined;
}

/** Pure. Undefined for a pod that goes alone. */
export function groupOf({ metadata, spec }: Pod): GroupReference | undefined {
  const labels = metadata.labels ?? {};
  const name = spec.schedulingGroup?.podGroupName ?? labels[groupLabel] ?? labels[olderGroupLabel] ?? '';
  if (name === '') return undefined;
  return { key: groupKey(metadata.namespace, name), name, minCount: toCount(labels[olderMinLabel]) };
}

export const groupKey = (namespace: string | undefined, name: string): string =>
  `${namespace ?? 'default'}/${name}`;

/** Undefined for what is no count: then the PodGroup decides. */
function toCount(text: string | undefined): number | undefined {
  const count = Number(text);
  return Number.isInteger(count) && count > 0 ? count : undefined;
}
