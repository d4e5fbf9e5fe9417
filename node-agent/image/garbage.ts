import type { ImageRecord } from './image-record.ts';

/** When images are removed, as the kubelet's `imageGCHighThresholdPercent` and its companions say it. */
export interface GarbagePolicy {
  /** Nothing is removed while the disk is no fuller than this. */
  readonly highPercent: number;
  /** Images go, the least recently used first, until the disk is no fuller than this. */
  readonly lowPercent: number;
  /** An image used within this time stays. */
  readonly minAgeMs: number;
  /** Ids of images that containers have, running or not. */
  readonly inUse: ReadonlySet<string>;
}

export interface DiskUsage {
  readonly usedBytes: number;
  readonly availableBytes: number;
  readonly capacityBytes: number;
}

/** Bytes to free: 0 while the disk is not too full. */
export function bytesToFree(disk: DiskUsage, policy: GarbagePolicy): number {
  if (disk.capacityBytes === 0) return 0;
  const used = disk.capacityBytes - disk.availableBytes;
  if (used * 100 <= disk.capacityBytes * policy.highPercent) return 0;
  return Math.ceil(used - (disk.capacityBytes * policy.lowPercent) / 100);
}

/** Images that may go, in the order in which they do: the least recently used first. */
export function planGarbage(
  records: readonly ImageRecord[],
  policy: Pick<GarbagePolicy, 'minAgeMs' | 'inUse'>,
  nowMs: number,
): ImageRecord[] {
  return records
    .filter((record) => !policy.inUse.has(record.id) && nowMs - record.usedAtMs >= policy.minAgeMs)
    .sort((a, b) => a.usedAtMs - b.usedAtMs);
}
