import type { NodeSelectorTerm } from '../../api/generated/core-v1.ts';

/** What a pod's claims ask of its node. */
export interface VolumeNeeds {
  /** Why the pod can be placed nowhere as long as its claims are as they are. */
  readonly problem?: string;
  /** Of each bound volume that has a node affinity: one of the terms must match. */
  readonly nodeAffinities: readonly (readonly NodeSelectorTerm[])[];
  /** Of each bound volume: labels of zones and regions that the node must share, values joined by `__`. */
  readonly zones: readonly Readonly<Record<string, string>>[];
  /** A claim waits for its first consumer, and there is nothing to give it. */
  readonly lacksVolume?: boolean;
}

export const noVolumeNeeds: VolumeNeeds = { nodeAffinities: [], zones: [] };
