import type { Pod } from '../../api/generated/core-v1.ts';
import type { PodFacts } from './pod-facts.ts';
import { containersOf, isTerminalPhase } from './pod-spec.ts';
import { isEnded, isSuccess, latestInstance, mayRestart } from './restart-decision.ts';

/** `undefined` while something of the pod runs or will run again. */
export type PodOutcome = 'Succeeded' | 'Failed' | undefined;

/**
 * How the pod ended by itself: every container has ended and none starts again, or an init container failed for good.
 * A phase that the API has as final stays final.
 */
export function podOutcomeOf(pod: Pod, facts: PodFacts): PodOutcome {
  if (facts.verdict !== undefined) return 'Failed';
  if (isTerminalPhase(pod.status?.phase)) return pod.status?.phase === 'Failed' ? 'Failed' : 'Succeeded';
  const containers = containersOf(pod);
  for (const container of containers.filter(({ role }) => role === 'init')) {
    const last = latestInstance(facts, container.spec.name);
    if (last !== undefined && isEnded(last) && !isSuccess(last) && !mayRestart(pod, container, last))
      return 'Failed';
  }
  let failed = false;
  for (const container of containers.filter(({ role }) => role === 'main')) {
    const last = latestInstance(facts, container.spec.name);
    if (last === undefined || !isEnded(last) || mayRestart(pod, container, last)) return undefined;
    failed ||= !isSuccess(last);
  }
  return failed ? 'Failed' : 'Succeeded';
}

/** The pod is to end, or has ended: nothing of it is started any more. */
export function isEnding(pod: Pod, facts: PodFacts): boolean {
  return (
    facts.isOrphan ||
    facts.endingSinceMs !== undefined ||
    pod.metadata.deletionTimestamp !== undefined ||
    podOutcomeOf(pod, facts) !== undefined
  );
}
