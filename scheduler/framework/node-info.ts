import type { Node, Taint } from '../../api/generated/core-v1.ts';
import { toUnits } from '../../api/quantity.ts';
import { HostPortSet } from './host-port.ts';
import type { SelectableNode } from './node-affinity-term.ts';
import type { PodClass } from './pod-class.ts';
import { ResourceSum, type Resources, toResources } from './resources.ts';

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

/** What a node's agent reported last of what is really used. */
export interface NodeLoad {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  /** 0 (worthless) to 1 (fresh): old reports say less. */
  readonly confidence: number;
}

/** A pod that waits for its victims to leave this node; pods of lower priority must not take its room. */
export interface Nomination {
  readonly uid: string;
  readonly podClass: PodClass;
}

/** What plugins see of one node: the node and the sum of what is on it. A live view: read it, do not keep it. */
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
  readonly load: NodeLoad | undefined;
  /** Estimate of the pods that the last report does not yet show. */
  readonly sinceReport: Resources;
  readonly nominations: readonly Nomination[];
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

/** The writable side of what is on a node; belongs to the cluster that holds it. */
export class NodeUsage {
  readonly requested: ResourceSum = new ResourceSum();
  readonly estimated: ResourceSum = new ResourceSum();
  readonly hostPorts: HostPortSet = new HostPortSet();
  readonly classes: Map<PodClass, ClassCount> = new Map();
  readonly replicasByOwner: Map<string, number> = new Map();
  podCount = 0;
  load: NodeLoad | undefined;
  /** Pods of the last two reporting periods: one that came just before a report is hardly in it. */
  sinceReport: ResourceSum = new ResourceSum();
  #thisPeriod = new ResourceSum();
  nominations: readonly Nomination[] = [];

  /** @param isNews false for a pod that was here a moment ago: the report knows it, or the estimate still does */
  add(podClass: PodClass, isLive: boolean, isNews = true): void {
    this.requested.add(podClass.requests, 1);
    this.estimated.add(podClass.estimate, 1);
    if (isNews) this.#estimate(podClass, 1);
    for (const port of podClass.hostPorts) this.hostPorts.add(port);
    this.#count(podClass, isLive, 1);
  }

  /** A report came. */
  beginPeriod(): void {
    this.sinceReport = this.#thisPeriod;
    this.#thisPeriod = new ResourceSum();
  }

  /** @param wasNews true takes back what `add` did a moment ago, the estimate included */
  remove(podClass: PodClass, wasLive: boolean, wasNews = false): void {
    this.requested.add(podClass.requests, -1);
    this.estimated.add(podClass.estimate, -1);
    if (wasNews) this.#estimate(podClass, -1);
    for (const port of podClass.hostPorts) this.hostPorts.remove(port);
    this.#count(podClass, wasLive, -1);
  }

  #estimate({ estimate }: PodClass, by: 1 | -1): void {
    if (this.load === undefined) return;
    this.sinceReport.add(estimate, by);
    this.#thisPeriod.add(estimate, by);
  }

  #count(podClass: PodClass, isLive: boolean, by: 1 | -1): void {
    this.podCount += by;
    const count = this.classes.get(podClass) ?? { all: 0, live: 0 };
    count.all += by;
    if (isLive) count.live += by;
    if (count.all === 0) this.classes.delete(podClass);
    else if (by === 1 && count.all === 1) this.classes.set(podClass, count);
    if (!isLive || podClass.owner === undefined) return;
    const replicas = (this.replicasByOwner.get(podClass.owner) ?? 0) + by;
    if (replicas === 0) this.replicasByOwner.delete(podClass.owner);
    else this.replicasByOwner.set(podClass.owner, replicas);
  }
}

/** Facts and usage of one node together. */
export class NodeRecord implements NodeInfo {
  readonly slot: number;
  readonly #facts: NodeFacts;
  readonly #usage: NodeUsage;

  constructor(slot: number, facts: NodeFacts, usage: NodeUsage) {
    this.slot = slot;
    this.#facts = facts;
    this.#usage = usage;
  }

  get name(): string {
    return this.#facts.name;
  }
  get labels(): NodeFacts['labels'] {
    return this.#facts.labels;
  }
  get unschedulable(): boolean {
    return this.#facts.unschedulable;
  }
  get taints(): readonly Taint[] {
    return this.#facts.taints;
  }
  get softTaints(): readonly Taint[] {
    return this.#facts.softTaints;
  }
  get allocatable(): Resources {
    return this.#facts.allocatable;
  }
  get allowedPods(): number {
    return this.#facts.allowedPods;
  }
  get images(): ReadonlyMap<string, number> {
    return this.#facts.images;
  }
  get requested(): Resources {
    return this.#usage.requested;
  }
  get estimated(): Resources {
    return this.#usage.estimated;
  }
  get podCount(): number {
    return this.#usage.podCount;
  }
  get hostPorts(): Pick<HostPortSet, 'conflictsWith'> {
    return this.#usage.hostPorts;
  }
  get classes(): ReadonlyMap<PodClass, Readonly<ClassCount>> {
    return this.#usage.classes;
  }
  get replicasByOwner(): ReadonlyMap<string, number> {
    return this.#usage.replicasByOwner;
  }
  get load(): NodeLoad | undefined {
    return this.#usage.load;
  }
  get sinceReport(): Resources {
    return this.#usage.sinceReport;
  }
  get nominations(): readonly Nomination[] {
    return this.#usage.nominations;
  }
}
