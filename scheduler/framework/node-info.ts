import type { Node, Taint } from '../../api/generated/core-v1.ts';
import { toUnits } from '../../api/quantity.ts';
import { AttachedVolumes } from './attached-volumes.ts';
import { HostPortSet } from './host-port.ts';
import type { SelectableNode } from './node-affinity-term.ts';
import { amountsAt, NodeRows, reportAge, rowMarks } from './node-rows.ts';
import { OwnerReplicas } from './owner-replicas.ts';
import type { PodClass } from './pod-class.ts';
import { addScalars, columnOf, noScalars, type Resources, toResources } from './resources.ts';
import type { VolumeLimits } from './volume-limits.ts';
import { noVolumeNeeds } from './volume-needs.ts';

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
  /** From the node's CSINode and VolumeAttachments. */
  readonly volumeLimits?: VolumeLimits | undefined;
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

/**
 * What plugins see of one node: the node and the sum of what is on it. Read it, do not keep it: what it gives is as
 * of now.
 */
export interface NodeInfo extends NodeFacts {
  readonly slot: number;
  readonly requested: Resources;
  /** For scores: as `requested`, with an assumption for pods that request nothing. */
  readonly estimated: Resources;
  readonly podCount: number;
  readonly hostPorts: Pick<HostPortSet, 'conflictsWith'>;
  readonly attachedVolumes: Pick<AttachedVolumes, 'claimsOf'>;
  readonly load: NodeLoad | undefined;
  /** Estimate of the pods that the last report does not yet show. */
  readonly sinceReport: Resources;
  readonly nominations: readonly Nomination[];
  /** Of the pods on it, the classes that use claims, and how many pods they are. */
  readonly classesWithVolumes: ReadonlyMap<PodClass, number>;
  /** Live pods of an owner. */
  replicasOf(owner: string): number;
  /** One resource of `allocatable`, `requested`, ..., by its name. */
  amountOf(resource: string, of: AmountKind): number;
}

/** Which of a node's amounts. */
export type AmountKind = 'allocatable' | 'requested' | 'estimated' | 'sinceReport';

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
    taints: orNone(taints.filter((taint) => taint.effect === 'NoSchedule' || taint.effect === 'NoExecute')),
    softTaints: orNone(taints.filter((taint) => taint.effect === 'PreferNoSchedule')),
    allocatable: toResources(status?.allocatable),
    allowedPods: toUnits(status?.allocatable?.['pods'] ?? '0'),
    images: images.length === 0 ? noImages : new Map(images),
  };
}

const noTaints: readonly Taint[] = [];
const noImages: ReadonlyMap<string, number> = new Map();
/** One empty list for all nodes: it is looked at for each of them. */
const orNone = (taints: readonly Taint[]): readonly Taint[] => (taints.length === 0 ? noTaints : taints);

const scalarKinds = ['requested', 'estimated', 'sinceReport', 'thisPeriod'] as const;
type ScalarKind = (typeof scalarKinds)[number];
const noPorts = new HostPortSet();
const noVolumes = new AttachedVolumes();
const noClasses: ReadonlyMap<PodClass, number> = new Map();
const noNominations: readonly Nomination[] = [];

export interface NodeUsagePlace {
  readonly rows: NodeRows;
  readonly row: number;
  readonly replicas: OwnerReplicas;
}

/** The same node with other limits: they come by an object of their own. */
export const withVolumeLimits = (node: NodeFacts, volumeLimits: VolumeLimits | undefined): NodeFacts => ({
  name: node.name,
  labels: node.labels,
  unschedulable: node.unschedulable,
  taints: node.taints,
  softTaints: node.softTaints,
  allocatable: node.allocatable,
  allowedPods: node.allowedPods,
  images: node.images,
  volumeLimits,
});

/** The writable side of what is on a node; belongs to the cluster that holds it. Without a place it stands alone. */
export class NodeUsage {
  readonly rows: NodeRows;
  readonly row: number;
  readonly replicas: OwnerReplicas;
  #load: NodeLoad | undefined;
  #nominations: readonly Nomination[] = noNominations;
  #hostPorts: HostPortSet | undefined;
  #volumes: AttachedVolumes | undefined;
  #classesWithVolumes: Map<PodClass, number> | undefined;
  /** Huge pages and extended resources: few nodes have them. */
  #scalars: Record<ScalarKind, ReadonlyMap<string, number>> | undefined;

  constructor(place: NodeUsagePlace = { rows: new NodeRows(1), row: 0, replicas: new OwnerReplicas() }) {
    this.rows = place.rows;
    this.row = place.row;
    this.replicas = place.replicas;
  }

  get load(): NodeLoad | undefined {
    return this.#load;
  }

  set load(load: NodeLoad | undefined) {
    this.#load = load;
    this.rows.mark(this.row, rowMarks.load, load !== undefined);
  }

  get nominations(): readonly Nomination[] {
    return this.#nominations;
  }

  set nominations(nominations: readonly Nomination[]) {
    this.#nominations = nominations;
    this.rows.mark(this.row, rowMarks.nominations, nominations.length > 0);
  }

  get hostPorts(): Pick<HostPortSet, 'conflictsWith'> {
    return this.#hostPorts ?? noPorts;
  }

  get attachedVolumes(): Pick<AttachedVolumes, 'claimsOf'> {
    return this.#volumes ?? noVolumes;
  }

  get classesWithVolumes(): ReadonlyMap<PodClass, number> {
    return this.#classesWithVolumes ?? noClasses;
  }

  scalarsOf(kind: ScalarKind): ReadonlyMap<string, number> {
    return this.#scalars?.[kind] ?? noScalars;
  }

  /** @param age one of `reportAge`: how much of the pod the report does not know */
  add(podClass: PodClass, isLive: boolean, age: number = reportAge.known): void {
    this.#count(podClass, isLive, { by: 1, age });
    for (const port of podClass.hostPorts) {
      this.#hostPorts ??= new HostPortSet();
      this.#hostPorts.add(port);
    }
    for (const volume of podClass.volumes.attached ?? []) {
      this.#volumes ??= new AttachedVolumes();
      this.#volumes.add(volume);
    }
  }

  remove(podClass: PodClass, wasLive: boolean, age: number = reportAge.known): void {
    this.#count(podClass, wasLive, { by: -1, age });
    for (const port of podClass.hostPorts) this.#hostPorts?.remove(port);
    for (const volume of podClass.volumes.attached ?? []) this.#volumes?.remove(volume);
  }

  /**
   * A report came. What is estimated are the pods of the last two reporting periods: one that came just before a
   * report is hardly in it.
   */
  beginPeriod(): void {
    this.rows.beginPeriod(this.row);
    if (this.#scalars === undefined) return;
    this.#scalars.sinceReport = this.#scalars.thisPeriod;
    this.#scalars.thisPeriod = noScalars;
  }

  #count(podClass: PodClass, isLive: boolean, { by, age }: Coming): void {
    this.rows.count(this.row, podClass, by, age);
    if (podClass.requests.scalars.size + podClass.estimate.scalars.size > 0)
      this.#countScalars(podClass, { by, age });
    if (podClass.volumes !== noVolumeNeeds) this.#countVolumes(podClass, by);
    if (isLive && podClass.owner !== undefined) this.replicas.count(podClass.owner, this.row, by);
  }

  #countVolumes(podClass: PodClass, by: number): void {
    this.#classesWithVolumes ??= new Map();
    const pods = (this.#classesWithVolumes.get(podClass) ?? 0) + by;
    if (pods > 0) this.#classesWithVolumes.set(podClass, pods);
    else this.#classesWithVolumes.delete(podClass);
  }

  #countScalars({ requests, estimate }: PodClass, { by, age }: Coming): void {
    this.#scalars ??= {
      ...{ requested: noScalars, estimated: noScalars, sinceReport: noScalars, thisPeriod: noScalars },
    };
    for (const kind of scalarKinds) {
      if (kind === 'sinceReport' && age === reportAge.known) continue;
      if (kind === 'thisPeriod' && age !== reportAge.thisPeriod) continue;
      const { scalars } = kind === 'requested' ? requests : estimate;
      this.#scalars[kind] = addScalars(this.#scalars[kind], scalars, by);
    }
  }
}

/** Nothing of the class is kept but numbers: what its pods take lies in the row. */
export const isPlain = ({ hostPorts, volumes, requests, estimate }: PodClass): boolean =>
  hostPorts.length === 0 && volumes === noVolumeNeeds && requests.scalars.size + estimate.scalars.size === 0;

interface Coming {
  readonly by: 1 | -1;
  readonly age: number;
}

/**
 * Facts and usage of one node together. What most placements ask of it lies in its first fields, which share a line of
 * the processor's cache, or in its row.
 */
export class NodeRecord implements NodeInfo {
  readonly slot: number;
  readonly name: string;
  readonly #rows: NodeRows;
  readonly #row: number;
  readonly allowedPods: number;
  readonly #usage: NodeUsage;
  readonly unschedulable: boolean;
  readonly taints: readonly Taint[];
  readonly softTaints: readonly Taint[];
  readonly images: ReadonlyMap<string, number>;
  readonly volumeLimits: VolumeLimits | undefined;
  readonly labels: NodeFacts['labels'];
  readonly allocatable: Resources;

  constructor(slot: number, facts: NodeFacts, usage: NodeUsage) {
    this.slot = slot;
    this.#rows = usage.rows;
    this.#row = usage.row;
    this.#usage = usage;
    this.unschedulable = facts.unschedulable;
    this.taints = facts.taints;
    this.softTaints = facts.softTaints;
    this.allowedPods = facts.allowedPods;
    this.images = facts.images;
    this.volumeLimits = facts.volumeLimits;
    this.name = facts.name;
    this.labels = facts.labels;
    this.allocatable = facts.allocatable;
    this.#rows.setAllocatable(this.#row, facts.allocatable);
  }

  get requested(): Resources {
    return this.#rows.resources(this.#row, amountsAt.requested, this.#usage.scalarsOf('requested'));
  }
  get estimated(): Resources {
    return this.#rows.resources(this.#row, amountsAt.estimated, this.#usage.scalarsOf('estimated'));
  }
  get sinceReport(): Resources {
    return this.#rows.resources(this.#row, amountsAt.sinceReport, this.#usage.scalarsOf('sinceReport'));
  }
  get podCount(): number {
    return this.#rows.podCount(this.#row);
  }
  get hostPorts(): Pick<HostPortSet, 'conflictsWith'> {
    return this.#usage.hostPorts;
  }
  get attachedVolumes(): Pick<AttachedVolumes, 'claimsOf'> {
    return this.#usage.attachedVolumes;
  }
  get classesWithVolumes(): ReadonlyMap<PodClass, number> {
    return this.#usage.classesWithVolumes;
  }
  get load(): NodeLoad | undefined {
    return this.#rows.isMarked(this.#row, rowMarks.load) ? this.#usage.load : undefined;
  }
  get nominations(): readonly Nomination[] {
    return this.#rows.isMarked(this.#row, rowMarks.nominations) ? this.#usage.nominations : noNominations;
  }

  replicasOf(owner: string): number {
    return this.#usage.replicas.on(this.#row, owner);
  }

  amountOf(resource: string, of: AmountKind): number {
    const column = columnOf(resource);
    if (column !== undefined) return this.#rows.amount(this.#row, amountsAt[of], column);
    const scalars = of === 'allocatable' ? this.allocatable.scalars : this.#usage.scalarsOf(of);
    return scalars.get(resource) ?? 0;
  }
}
