/**
 * Everything that scheduling wants to know of a pod. Pods that are alike in all of it share one class, so that
 * what is computed for the first replica serves the others.
 */
import type { Pod, PodSpec, PreferredSchedulingTerm, Toleration } from '../../api/generated/core-v1.ts';
import { type AffinityTerms, affinityTermsOf } from './affinity-term.ts';
import { type HostPort, hostPortsOf } from './host-port.ts';
import { namedNodesOf } from './required-nodes.ts';
import { specInForce } from './resize.ts';
import { podEstimate, podRequests, type Resources } from './resources.ts';
import { type SpreadConstraint, spreadConstraintsOf } from './spread-constraint.ts';
import { noVolumeNeeds, type VolumeNeeds } from './volume-needs.ts';

type NodeAffinityRule = NonNullable<NonNullable<PodSpec['affinity']>['nodeAffinity']>;

export interface PodClass {
  /** Equal exactly when everything else is. */
  readonly key: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Uid of the controlling owner: replicas of one owner are spread. */
  readonly owner: string | undefined;
  readonly schedulerName: string;
  readonly priority: number;
  /** False when `preemptionPolicy` is Never. */
  readonly mayPreempt: boolean;
  readonly requests: Resources;
  /** For scores: requests, with an assumption where there are none. */
  readonly estimate: Resources;
  readonly hostPorts: readonly HostPort[];
  readonly tolerations: readonly Toleration[];
  /** `spec.nodeName` of a pod that is asked about; a pod in the queue has none. */
  readonly nodeName: string | undefined;
  readonly nodeSelector: Readonly<Record<string, string>>;
  readonly requiredNodes: NodeAffinityRule['requiredDuringSchedulingIgnoredDuringExecution'];
  /** All that `requiredNodes` names; undefined when some term names none. */
  readonly namedNodes: ReadonlySet<string> | undefined;
  readonly preferredNodes: readonly PreferredSchedulingTerm[];
  readonly affinity: AffinityTerms;
  readonly spread: readonly SpreadConstraint[];
  readonly images: readonly string[];
  readonly volumes: VolumeNeeds;
}

export const defaultSchedulerName = 'default-scheduler';

/** The class of `pod`, not shared. Use a `PodClasses` where there are many pods. */
export function toPodClass(pod: Pod, volumes: VolumeNeeds = noVolumeNeeds): PodClass {
  return compile(pod, classKeyOf(pod, volumes), volumes);
}

/** Remembers classes as long as someone holds them. */
export class PodClasses {
  readonly #byKey = new Map<string, WeakRef<PodClass>>();
  #sweepAtSize = 1_024;

  of(pod: Pod, volumes: VolumeNeeds = noVolumeNeeds): PodClass {
    const key = classKeyOf(pod, volumes);
    const known = this.#byKey.get(key)?.deref();
    if (known !== undefined) return known;
    const created = compile(pod, key, volumes);
    this.#byKey.set(key, new WeakRef(created));
    if (this.#byKey.size > this.#sweepAtSize) this.#sweep();
    return created;
  }

  #sweep(): void {
    for (const [key, reference] of this.#byKey) if (reference.deref() === undefined) this.#byKey.delete(key);
    this.#sweepAtSize = Math.max(1_024, 2 * this.#byKey.size);
  }
}

function ownerOf(pod: Pod): string | undefined {
  return pod.metadata.ownerReferences?.find((reference) => reference.controller === true)?.uid;
}

function classKeyOf(pod: Pod, volumes: VolumeNeeds): string {
  const { metadata } = pod;
  const spec = specInForce(pod);
  const needs = (container: PodSpec['containers'][number]): unknown => [
    container.resources?.requests,
    container.ports,
    container.restartPolicy,
    container.image,
  ];
  return JSON.stringify([
    metadata.namespace,
    metadata.labels,
    ownerOf(pod),
    spec.schedulerName,
    spec.priority,
    spec.preemptionPolicy,
    spec.containers.map(needs),
    spec.initContainers?.map(needs),
    spec.resources?.requests,
    spec.overhead,
    spec.tolerations,
    spec.nodeSelector,
    spec.affinity,
    spec.topologySpreadConstraints,
    volumeImagesOf(spec),
    volumes === noVolumeNeeds ? undefined : volumes,
  ]);
}

/** All that the node must have: of containers, those that come before them, and volumes. */
const imagesOf = (spec: PodSpec): readonly string[] => [
  ...[...(spec.initContainers ?? []), ...spec.containers].map(({ image = '' }) => image),
  ...(volumeImagesOf(spec) ?? []),
];

/** Nothing is made for the many pods without any. */
function volumeImagesOf({ volumes }: PodSpec): readonly string[] | undefined {
  if (volumes?.some(({ image }) => image !== undefined) !== true) return undefined;
  return volumes.flatMap(({ image }) => image?.reference ?? []);
}

function compile(pod: Pod, key: string, volumes: VolumeNeeds): PodClass {
  const { metadata } = pod;
  const spec = specInForce(pod);
  const nodeAffinity = spec.affinity?.nodeAffinity;
  const requiredNodes = nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  const labels = metadata.labels ?? {};
  const namespace = metadata.namespace ?? 'default';
  return {
    key,
    namespace,
    labels,
    owner: ownerOf(pod),
    schedulerName: spec.schedulerName ?? defaultSchedulerName,
    priority: spec.priority ?? 0,
    mayPreempt: spec.preemptionPolicy !== 'Never',
    requests: podRequests(spec),
    estimate: podEstimate(spec),
    hostPorts: hostPortsOf(spec),
    tolerations: spec.tolerations ?? [],
    nodeName: undefined,
    nodeSelector: spec.nodeSelector ?? {},
    requiredNodes,
    namedNodes: namedNodesOf(requiredNodes),
    preferredNodes: nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [],
    affinity: affinityTermsOf(spec.affinity, namespace, labels),
    spread: spreadConstraintsOf(spec.topologySpreadConstraints, labels),
    images: imagesOf(spec),
    volumes,
  };
}
