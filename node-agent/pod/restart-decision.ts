import type { Container, ContainerRestartRule, Pod } from '../../api/generated/core-v1.ts';
import type { ContainerStatus } from '../runtime/runtime.ts';
import type { PodFacts } from './pod-facts.ts';
import type { NamedContainer } from './pod-spec.ts';

/**
 * Back-off between restarts: the first restart is immediate, then 10 s, doubled up to 300 s, and anew after 10 minutes
 * without a crash. Each instance carries the wait that follows its own end as an annotation, so the back-off is a
 * function of the containers that exist and survives the agent.
 */
export const restartBackoffAnnotation = 'coracle.dev/restart-backoff-ms';
export const initialBackoffMs = 10_000;
export const maxBackoffMs = 300_000;
const backoffResetMs = 2 * maxBackoffMs;

/** Instances of one container, oldest first. */
export function instancesOf(facts: Pick<PodFacts, 'containers'>, name: string): ContainerStatus[] {
  return facts.containers
    .filter((container) => container.name === name)
    .sort((left, right) => left.attempt - right.attempt);
}

export function latestInstance(
  facts: Pick<PodFacts, 'containers'>,
  name: string,
): ContainerStatus | undefined {
  return instancesOf(facts, name).at(-1);
}

export function restartBackoffOf(instance: ContainerStatus): number {
  return Number(instance.annotations[restartBackoffAnnotation] ?? 0);
}

/** The annotation for the instance that follows `ended`. */
export function nextRestartBackoffMs(ended: ContainerStatus | undefined): number {
  if (ended === undefined) return 0;
  const previousMs = restartBackoffOf(ended);
  const ranMs = (ended.finishedAtMs ?? ended.createdAtMs) - ended.createdAtMs;
  if (previousMs === 0 || ranMs > backoffResetMs) return initialBackoffMs;
  return Math.min(maxBackoffMs, previousMs * 2);
}

/** When a container that ended may start again. */
export function restartAtMs(ended: ContainerStatus): number {
  return (ended.finishedAtMs ?? ended.createdAtMs) + restartBackoffOf(ended);
}

/** Doubling wait after `failures` failed tries in a row. */
export function retryDelayMs(failures: number): number {
  return Math.min(maxBackoffMs, initialBackoffMs * 2 ** Math.min(failures - 1, 10));
}

export function isEnded(instance: ContainerStatus): boolean {
  return instance.state === 'exited';
}

/** An end that nobody saw counts as a failure. */
export function isSuccess(instance: ContainerStatus): boolean {
  return isEnded(instance) && instance.exitCode === 0;
}

export function restartPolicyOf(pod: Pod): 'Always' | 'OnFailure' | 'Never' {
  const policy = pod.spec.restartPolicy;
  return policy === 'OnFailure' || policy === 'Never' ? policy : 'Always';
}

/** Whether a container that ended like `ended` starts again as long as the pod lives. */
export function mayRestart(pod: Pod, container: NamedContainer, ended: ContainerStatus): boolean {
  return restartsAfter(pod, container, isEnded(ended) ? ended.exitCode : undefined);
}

/** @param exitCode undefined for an end that nobody saw */
export function restartsAfter(
  pod: Pod,
  { role, spec }: NamedContainer,
  exitCode: number | undefined,
): boolean {
  if (role === 'sidecar') return true;
  if (role === 'ephemeral') return false;
  const { restartPolicy, restartPolicyRules = [] } = ownPolicy(spec);
  if (exitCode !== undefined && restartPolicyRules.some((rule) => restartsByRule(rule, exitCode)))
    return true;
  const policy = restartPolicy ?? restartPolicyOf(pod);
  if (role === 'init') return exitCode !== 0 && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}

function ownPolicy(spec: NamedContainer['spec']): Pick<Container, 'restartPolicy' | 'restartPolicyRules'> {
  return 'restartPolicy' in spec || 'restartPolicyRules' in spec ? spec : {};
}

function restartsByRule({ action, exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  if (action !== 'Restart' || exitCodes === undefined) return false;
  const isListed = (exitCodes.values ?? []).includes(exitCode);
  return exitCodes.operator === 'NotIn' ? !isListed : isListed;
}
