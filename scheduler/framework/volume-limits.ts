import type { CSINode } from '../../api/generated/storage-v1.ts';

/** How many volumes each storage driver can attach to a node; drivers that are not named set no limit. */
export type VolumeLimits = Readonly<Record<string, number>>;

/** Undefined when no driver of the node has a limit. */
export function volumeLimitsOf(csiNode: CSINode | undefined): VolumeLimits | undefined {
  const limits = (csiNode?.spec.drivers ?? []).flatMap(({ name, allocatable }): [string, number][] =>
    allocatable?.count === undefined ? [] : [[name, allocatable.count]],
  );
  return limits.length === 0 ? undefined : Object.fromEntries(limits);
}
