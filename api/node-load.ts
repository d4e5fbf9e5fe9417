import type { LoadFigures } from '../base/beat-renewal.ts';

/**
 * On a node's Lease, for the scheduler: what the machine really uses, pods and all else, and the share of the last
 * ten seconds in which something waited: `{"cpu":"250m","memory":"1048576","pressure":{"cpu":0.1,"memory":0,"io":0}}`.
 */
export const loadAnnotation = 'coracle.dev/load';

/** The annotation's value. */
export function toLoadText({ cpuMillis, memoryBytes, pressure }: LoadFigures): string {
  return JSON.stringify({ cpu: `${cpuMillis}m`, memory: `${memoryBytes}`, pressure });
}
