import type { CSINode } from '../../api/generated/storage-v1.ts';
import type { DriverVolume } from './volume-needs.ts';

/** How many volumes each storage driver can attach to a node, and which are attached, whether a pod uses them or not. */
export interface VolumeLimits {
  /** Drivers that are not named set no limit. */
  readonly counts: Readonly<Record<string, number>>;
  readonly attached: readonly DriverVolume[];
}

/** Undefined when no driver of the node has a limit. */
export function volumeLimitsOf(
  csiNode: CSINode | undefined,
  attached: () => readonly DriverVolume[] = () => [],
): VolumeLimits | undefined {
  const limits = (csiNode?.spec.drivers ?? []).flatMap(({ name, allocatable }): [string, number][] =>
    allocatable?.count === undefined ? [] : [[name, allocatable.count]],
  );
  return limits.length === 0 ? undefined : { counts: Object.fromEntries(limits), attached: attached() };
}
