import type { Node, Taint } from '../../api/generated/core-v1.ts';
import { toUnits } from '../../api/quantity.ts';
import { HostPortSet } from './host-port.ts';
import type { SelectableNode } from './node-affinity-term.ts';
import type { PodClass } from './pod-class.ts';
import { addResources, noResources, type Resources, subtractResources, toResources } from './resources.ts';

/** A node as stored, in the form that plugins read. */
export interface NodeFacts extends SelectableNode {
  readonly unschedulable: boolean;
  /** Those that keep pods away: NoSchedule and NoExecute. */
  readonly taints: readonly Taint[];
  readonly softTaints: readonly Taint[];
  readonly allocatable: Resources;
  readonly allowedPods: number;
  /** Bytes by image name. */
  readonly images: ReadonlyMap<string, number>;
}

/** Pods of one class on one node. Those that are ending still take room but no longer count as replicas. */
export interface ClassCount {
  all: number;
  live: number;
}

/** What plugins see of one node: the node and the sum of what is on it. */
export interface NodeInfo extends NodeFacts {
  readonly slot: number;
  readonly requested: Resources;
  /** For scores: as `requested`, with an assumption for pods that request nothing. */
  readonly estimated: Resources;
  readonly podCount: number;
  readonly hostPorts: Pick<HostPortSet, 'conflictsWith'>;
  readonly classes: ReadonlyMap<PodClass, Readonly<ClassCount>>;
  /** Live pods by owner uid. */
  readonly replicasByOwner: ReadonlyMap<string, number>;
}

export function toNodeFacts(node: Node): NodeFacts {
  const { metadata, spec, status } = node;
  const taints = spec?.taints ?? [];
  const images = (status?.images ?? []).flatMap((image) =>
    (image.names ?? []).map((name): [string, number] => [name, image.sizeBytes ?? 0]),
  );
  return {
    name: metadata.name,
    labels: metadata.labels ?? {},
    unschedulable: spec?.unschedulable ?? false,
    taints: taints.filter((taint) => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute'),
    softTaints: taints.filter((taint) => taint.effect === 'PreferNoSchedule'),
    allocatable: toResources(status?.allocatable),
    allowedPods: toUnits(status?.allocatable?.['pods'] ?? '0'),
    images: new Map(images),
  };
}

/** The writable side of a `NodeInfo`; belongs to the cluster that holds it. */
export class NodeUsage {
  requested: Resources = noResources;
  estimated: Resources = noResources;
  podCount = 0;
  readonly hostPorts: HostPortSet = new HostPortSet();
  readonly classes: Map<PodClass, ClassCount> = new Map();
  readonly replicasByOwner: Map<string, number> = new Map();

  add(podClass: PodClass, isLive: boolean): void {
    this.requested = addResources(this.requested, podClass.requests);
    this.estimated = addResources(this.estimated, podClass.estimate);
    for (const port of podClass.hostPorts) this.hostPorts.add(port);
    this.#count(podClass, isLive, 1);
  }

  remove(podClass: PodClass, wasLive: boolean): void {
    this.requested = subtractResources(this.requested, podClass.requests);
    this.estimated = subtractResources(this.estimated, podClass.estimate);
    for (const port of podClass.hostPorts) this.hostPorts.remove(port);
    this.#count(podClass, wasLive, -1);
  }

  #count(podClass: PodClass, isLive: boolean, by: 1 | -1): void {
    this.podCount += by;
    const count = this.classes.get(podClass) ?? { all: 0, live: 0 };
    count.all += by;
    if (isLive) count.live += by;
    if (count.all === 0) this.classes.delete(podClass);
    else this.classes.set(podClass, count);
    if (!isLive || podClass.owner === undefined) return;
    const replicas = (this.replicasByOwner.get(podClass.owner) ?? 0) + by;
    if (replicas === 0) this.replicasByOwner.delete(podClass.owner);
    else this.replicasByOwner.set(podClass.owner, replicas);
  }
}
