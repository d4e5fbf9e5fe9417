/**
 * What to do next for a pod, computed from its spec and from what is there. Pure: the worker calls it after every event
 * (a change of the object, the end of a container or a step, a probe's verdict, a timer) and starts the steps that are
 * not under way yet. Nothing is remembered between two plans but the facts, so a plan after a crash of the agent is the
 * same as one without.
 *
 * INVARIANTS: no plan both starts and ends containers of one pod; no step is planned whose precondition another step
 * of the same plan still has to bring about.
 */
import type { Pod } from '../../api/generated/core-v1.ts';
import { planContainers } from './plan-containers.ts';
import { planEnding } from './plan-ending.ts';
import { planResize } from './plan-resize.ts';
import type { PodFacts } from './pod-facts.ts';
import { isEnding } from './pod-outcome.ts';
import type { Step } from './step.ts';

export function planPod(pod: Pod, facts: PodFacts, nowMs: number): Step[] {
  if (isEnding(pod, facts)) return planEnding(pod, facts, nowMs);
  const deadline = activeDeadlineMs(pod, facts);
  if (deadline !== undefined && deadline <= nowMs)
    return [
      {
        kind: 'fail',
        reason: 'DeadlineExceeded',
        message: 'Pod was active on the node longer than the specified deadline',
      },
    ];
  const alarm: Step[] = deadline === undefined ? [] : [{ kind: 'wake', atMs: deadline }];
  return [
    ...alarm,
    ...planGroundwork(facts, nowMs),
    ...planContainers(pod, facts, nowMs),
    ...planResize(pod, facts, nowMs),
  ];
}

function activeDeadlineMs(pod: Pod, facts: PodFacts): number | undefined {
  const { activeDeadlineSeconds } = pod.spec;
  if (activeDeadlineSeconds === undefined) return undefined;
  const startedAtMs =
    pod.status?.startTime === undefined ? facts.acknowledgedAtMs : Date.parse(pod.status.startTime);
  return startedAtMs + activeDeadlineSeconds * 1000;
}

/** Volumes and the sandbox, at the same time. */
function planGroundwork(facts: PodFacts, nowMs: number): Step[] {
  const steps: Step[] = [];
  if (facts.volumes.state === 'unmounted') steps.push({ kind: 'mountVolumes' });
  if (facts.volumes.state === 'failed')
    steps.push(retry({ kind: 'mountVolumes' }, facts.volumes.retryAtMs, nowMs));
  if (facts.volumes.state === 'mounted' && facts.volumes.refreshAtMs !== undefined)
    steps.push(retry({ kind: 'mountVolumes' }, facts.volumes.refreshAtMs, nowMs));
  if (!facts.sandboxes.some((sandbox) => sandbox.ready)) {
    const attempt = Math.max(-1, ...facts.sandboxes.map((sandbox) => sandbox.attempt)) + 1;
    steps.push(retry({ kind: 'createSandbox', attempt }, facts.sandboxFault?.retryAtMs ?? 0, nowMs));
  }
  return steps;
}

function retry(step: Step, atMs: number, nowMs: number): Step {
  return atMs <= nowMs ? step : { kind: 'wake', atMs };
}
