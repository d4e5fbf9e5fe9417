import type { Pod } from '../../api/generated/core-v1.ts';
import type { ContainerStatus } from '../runtime/runtime.ts';
import type { PodFacts } from './pod-facts.ts';
import { containersOf, graceSecondsOf } from './pod-spec.ts';
import type { Step } from './step.ts';

/** Work that brings something into being: the last things are not taken away while it is under way. */
const creatingKinds = ['createSandbox', 'startContainer', 'mountVolumes'];

/** So long at most a pod waits for its last new connection, and never for more than half of its grace period. */
const maxLeavingMs = 2_000;

/**
 * Ends a pod: it leaves its services; then end app containers together, sidecars from the last to the first, and the
 * sandbox. A pod that is deleted is then cleaned up and its deletion made final; one that ended by itself keeps its ended
 * containers and their logs.
 */
export function planEnding(pod: Pod, facts: PodFacts, nowMs: number): Step[] {
  const running = facts.containers.filter((container) => container.state === 'running');
  if (running.length > 0) {
    const withinMs = leavingMs(pod, facts, nowMs);
    return withinMs > 0 ? [{ kind: 'leaveServices', withinMs }] : planStops(pod, facts, running, nowMs);
  }
  if (isUnderWay(facts, creatingKinds)) return [];
  const ready = facts.sandboxes.filter((sandbox) => sandbox.ready);
  if (ready.length > 0) return ready.map((sandbox) => ({ kind: 'stopSandbox', sandboxId: sandbox.id }));
  const isGone = facts.isOrphan || pod.metadata.deletionTimestamp !== undefined;
  if (!isGone) return facts.volumes.state === 'unmounted' ? [] : [{ kind: 'unmountVolumes' }];
  if (!facts.isCleanedUp) return [{ kind: 'cleanUp' }];
  return facts.isOrphan || !facts.isFinalStatusWritten ? [] : [{ kind: 'finaliseDeletion' }];
}

/** Only a pod that is deleted, and not at once, waits: one that the node itself ends has to be gone. */
function leavingMs(pod: Pod, facts: PodFacts, nowMs: number): number {
  if (facts.hasLeftServices || facts.isOrphan || facts.verdict !== undefined) return 0;
  if (pod.metadata.deletionTimestamp === undefined) return 0;
  const limitMs = Math.min(maxLeavingMs, graceSecondsOf(pod) * 500);
  return (facts.endingSinceMs ?? nowMs) + limitMs - nowMs;
}

function isUnderWay(facts: PodFacts, kinds: readonly string[]): boolean {
  return [...facts.inFlight].some((key) => kinds.includes(key.split(' ')[0] ?? ''));
}

function planStops(pod: Pod, facts: PodFacts, running: readonly ContainerStatus[], nowMs: number): Step[] {
  const graceSeconds = facts.verdict?.graceSeconds ?? graceSecondsOf(pod);
  const deadlineMs = (facts.endingSinceMs ?? nowMs) + graceSeconds * 1000;
  return nextToStop(pod, running).map((container) => ({
    kind: 'stopContainer',
    container: container.name,
    containerId: container.id,
    deadlineMs,
    message: `Stopping container ${container.name}`,
  }));
}

/** All that are no sidecars; when none of those is left, the last sidecar. Unknown names go first. */
function nextToStop(pod: Pod, running: readonly ContainerStatus[]): readonly ContainerStatus[] {
  const sidecars = containersOf(pod)
    .filter(({ role }) => role === 'sidecar')
    .map(({ spec }) => spec.name);
  const others = running.filter((container) => !sidecars.includes(container.name));
  if (others.length > 0) return others;
  const last = sidecars.findLast((name) => running.some((container) => container.name === name));
  return running.filter((container) => container.name === last);
}
