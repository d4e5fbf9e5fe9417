import type { NodeSelectorTerm } from '../../api/generated/core-v1.ts';

/** What a pod's claims ask of its node. */
export interface VolumeNeeds {
  /** Why the pod can be placed nowhere as long as its claims are as they are. */
  readonly problem?: string;
  /** A claim is bound to a volume that is not there. */
  readonly lacksVolume?: boolean;
  /** Of each bound volume that has a node affinity: one of the terms must match. */
  readonly nodeAffinities: readonly (readonly NodeSelectorTerm[])[];
  /** Of each bound volume: labels of zones and regions that the node must share, values joined by `__`. */
  readonly zones: readonly Readonly<Record<string, string>>[];
  /** Claims that wait for the pod to get a node; the smallest first. */
  readonly unbound?: readonly UnboundClaim[];
  /** All claims that the pod uses, as `namespace/name`. */
  readonly claims?: readonly string[];
  /** Those of them that one pod at a time may use (ReadWriteOncePod). */
  readonly exclusive?: readonly string[];
  /** Volumes that a storage driver attaches to the node, of which it takes only so many; left out when there are none. */
  readonly attached?: readonly DriverVolume[];
  /** Disks that the pod names itself, without a claim; left out when there are none. */
  readonly disks?: readonly DiskUse[];
}

/** A disk that two pods of one node may share only when both just read it. */
export interface DiskUse {
  readonly disk: string;
  readonly isReadOnly: boolean;
}

export interface DriverVolume {
  readonly driver: string;
  /** `namespace/name`: a claim has one volume, and a volume one claim. */
  readonly claim: string;
}

/** A claim that takes one of these volumes, the first that is free, or has one made. */
export interface UnboundClaim {
  /** `namespace/name` */
  readonly claim: string;
  readonly volumes: readonly AvailableVolume[];
  /** Where one can be made: everywhere for no terms; undefined: nobody makes any. */
  readonly provisioned: readonly NodeSelectorTerm[] | undefined;
  /** Where one is being made. */
  readonly selectedNode: string | undefined;
}

export interface AvailableVolume {
  readonly name: string;
  /** Where it can be reached; everywhere for no terms. */
  readonly terms: readonly NodeSelectorTerm[];
}

export const noVolumeNeeds: VolumeNeeds = { nodeAffinities: [], zones: [] };
