import type { Taint, Toleration } from '../../api/generated/core-v1.ts';
import { tolerates } from '../tolerations.ts';

/**
 * When a pod has to leave a node with these NoExecute taints: wall time in milliseconds, 0 for at once, undefined for
 * never. Each taint's time runs from when it was added, so that a restart of this loop does not start it anew.
 */
export function evictionDueMs(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  nowMs: number,
): number | undefined {
  let due: number | undefined;
  for (const taint of taints) {
    const matching = tolerations.filter((toleration) => tolerates(toleration, taint));
    if (matching.length === 0) return 0;
    const seconds = matching.flatMap(({ tolerationSeconds }) => tolerationSeconds ?? []);
    if (seconds.length === 0) continue;
    const shortest = Math.max(0, Math.min(...seconds));
    if (shortest === 0) return 0;
    const sinceMs = Date.parse(taint.timeAdded ?? '');
    const at = (Number.isNaN(sinceMs) ? nowMs : sinceMs) + shortest * 1000;
    due = Math.min(due ?? at, at);
  }
  return due;
}
