import type { DaemonSet } from '../../api/generated/apps-v1.ts';
import { scaledValue } from '../int-or-percent.ts';

export interface Limits {
  readonly maxSurge: number;
  readonly maxUnavailable: number;
}

/** How many nodes may have a pod too many, and none, during a rolling update; both being 0 would never move. */
export function limitsOf({ spec }: DaemonSet, desired: number): Limits {
  if ((spec.updateStrategy?.type ?? 'RollingUpdate') !== 'RollingUpdate')
    return { maxSurge: 0, maxUnavailable: 0 };
  const { maxSurge = 0, maxUnavailable = 1 } = spec.updateStrategy?.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, desired, 'up');
  const unavailable = scaledValue(maxUnavailable, desired, 'up');
  return { maxSurge: surge, maxUnavailable: surge === 0 && unavailable === 0 ? 1 : unavailable };
}
