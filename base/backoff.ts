import type { Random } from './random.ts';

/** Exponential back-off: `initialMs`, then times `factor` up to `maxMs`, each with up to `jitter` (0..1) of itself added. */
export interface BackoffPolicy {
  readonly initialMs: number;
  readonly maxMs: number;
  readonly factor: number;
  readonly jitter: number;
}

/** Delay before try `attempt` (0 is the first retry), in milliseconds. */
export function backoffMs(policy: BackoffPolicy, attempt: number, random: Random): number {
  const base = Math.min(policy.maxMs, policy.initialMs * policy.factor ** Math.min(attempt, 60));
  return base * (1 + policy.jitter * random.next());
}
