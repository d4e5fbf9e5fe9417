import type { Pod } from '../../api/generated/core-v1.ts';
import type { PlacedPod } from '../../scheduler/cache/cluster.ts';
import type { PodClass } from '../../scheduler/framework/pod-class.ts';
import { type GroupReference, groupOf } from '../../scheduler/groups/pod-group.ts';
import { reasonToStay } from '../../scheduler/rebalance/movable.ts';

/** What is kept of a pod: 150,000 of them fit, since the class is shared. */
export interface KnownPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly owner: { readonly kind: string; readonly name: string; readonly uid: string } | undefined;
  readonly podClass: PodClass;
  readonly nodeName: string | undefined;
  readonly isLive: boolean;
  /** The agent's own: goes where its node goes. */
  readonly isStatic: boolean;
  /** Files that go with the pod. */
  readonly hasEmptyDir: boolean;
  readonly gates: readonly string[];
  readonly createdAt: string;
  readonly startMs: number | undefined;
  readonly nominatedFor: string | undefined;
  readonly group: GroupReference | undefined;
  /** Why rebalancing does not move it; undefined: it may. */
  readonly staysBecause: string | undefined;
}

export function toKnownPod(pod: Pod, podClass: PodClass): KnownPod {
  const { metadata, spec, status } = pod;
  const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
  const startMs = Date.parse(status?.startTime ?? '');
  return {
    uid: metadata.uid ?? '',
    namespace: metadata.namespace ?? 'default',
    name: metadata.name,
    owner: owner === undefined ? undefined : { kind: owner.kind, name: owner.name, uid: owner.uid },
    podClass,
    nodeName: orUndefined(spec.nodeName),
    isLive: metadata.deletionTimestamp === undefined,
    isStatic: metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined,
    hasEmptyDir: spec.volumes?.some(({ emptyDir }) => emptyDir !== undefined) === true,
    gates: (spec.schedulingGates ?? []).map(({ name }) => name),
    createdAt: metadata.creationTimestamp ?? '',
    startMs: Number.isNaN(startMs) ? undefined : startMs,
    nominatedFor: orUndefined(status?.nominatedNodeName),
    group: groupOf(pod),
    staysBecause: reasonToStay(pod),
  };
}

const orUndefined = (text: string | undefined): string | undefined => (text === '' ? undefined : text);

export const titleOf = ({ namespace, name }: { readonly namespace: string; readonly name: string }): string =>
  `${namespace}/${name}`;

export function toPlaced(pod: KnownPod, nodeName: string): PlacedPod {
  const { uid, podClass, isLive, startMs } = pod;
  return {
    ...{ uid, name: titleOf(pod), podClass, nodeName, isLive, isAssumed: false },
    ...(startMs === undefined ? {} : { startMs }),
  };
}
