import type { Probe } from '../../api/generated/core-v1.ts';

/** Results in a row of the same outcome. */
export interface ProbeCount {
  readonly outcome: 'success' | 'failure' | 'none';
  readonly inRow: number;
}

export const noResults: ProbeCount = { outcome: 'none', inRow: 0 };

export function countResult(count: ProbeCount, outcome: 'success' | 'failure'): ProbeCount {
  return { outcome, inRow: count.outcome === outcome ? count.inRow + 1 : 1 };
}

/** @returns what is now decided; undefined below the threshold. */
export function decisionOf(count: ProbeCount, probe: Probe): 'success' | 'failure' | undefined {
  if (count.outcome === 'success')
    return count.inRow >= (probe.successThreshold ?? 1) ? 'success' : undefined;
  if (count.outcome === 'failure')
    return count.inRow >= (probe.failureThreshold ?? 3) ? 'failure' : undefined;
  return undefined;
}

export interface ProbeTimes {
  readonly initialDelayMs: number;
  readonly periodMs: number;
  readonly timeoutMs: number;
}

export function timesOf(probe: Probe): ProbeTimes {
  return {
    initialDelayMs: (probe.initialDelaySeconds ?? 0) * 1000,
    periodMs: Math.max(1, probe.periodSeconds ?? 10) * 1000,
    timeoutMs: Math.max(1, probe.timeoutSeconds ?? 1) * 1000,
  };
}
