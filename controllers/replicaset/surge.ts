import type { Pod } from '../../api/generated/core-v1.ts';
import { movingUntilMs } from '../../api/moving-pod.ts';

export interface PlannedSize {
  readonly size: number;
  /** When it changes by itself; infinite when it does not. */
  readonly changesInMs: number;
}

/**
 * How many live pods there are to be: as many as are asked for, and one more while a pod of them is being moved, so
 * that its replacement can be ready before it ends. However many are marked, it is one at a time.
 */
export function planSize(replicas: number, active: readonly Pod[], nowMs: number): PlannedSize {
  const leftMs = active.flatMap(({ metadata }) => {
    const untilMs = movingUntilMs(metadata);
    return untilMs === undefined || untilMs <= nowMs ? [] : [untilMs - nowMs];
  });
  if (leftMs.length === 0 || replicas === 0) return { size: replicas, changesInMs: Number.POSITIVE_INFINITY };
  return { size: replicas + 1, changesInMs: Math.max(...leftMs) };
}
