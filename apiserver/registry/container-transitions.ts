import type {
  Container,
  ContainerRestartRule,
  ContainerStatus,
  Pod,
  PodSpec,
} from '../../api/generated/core-v1.ts';
import { forbidden } from './field-error.ts';
import type { FieldError } from './strategy.ts';

type Statuses = readonly ContainerStatus[];

/** A container that has ended stays ended, unless its policies or rules start it again. */
export function validateTransitions(next: Pod, current: Pod): FieldError[] {
  const { spec } = current;
  const restartsOf =
    (containers: readonly Container[]) =>
    (name: string, exitCode: number): boolean => {
      const container = containers.find((one) => one.name === name);
      return container !== undefined && restarts(container, spec, exitCode);
    };
  const statuses = (pod: Pod, list: 'containerStatuses' | 'initContainerStatuses'): Statuses =>
    pod.status?.[list] ?? [];
  const errors: FieldError[] = [];
  if (!mayRestartAll(spec))
    for (const [list, containers] of [
      ['containerStatuses', spec.containers ?? []],
      ['initContainerStatuses', spec.initContainers ?? []],
    ] as const)
      errors.push(
        ...revived(statuses(next, list), statuses(current, list), restartsOf(containers)).map((index) =>
          mayNotRevive(list, index),
        ),
      );
  const ephemeral = (pod: Pod): Statuses => pod.status?.ephemeralContainerStatuses ?? [];
  for (const index of revived(ephemeral(next), ephemeral(current), () => false))
    errors.push(mayNotRevive('ephemeralContainerStatuses', index));
  return errors;
}

const mayNotRevive = (list: string, index: number): FieldError =>
  forbidden(`status.${list}[${index}].state`, 'may not be transitioned to non-terminated state');

/** Where those stood that had ended, have not ended now, and may not start again. */
function revived(
  next: Statuses,
  current: Statuses,
  mayRestart: (name: string, exitCode: number) => boolean,
): number[] {
  return [...current.entries()].flatMap(([index, { name, state }]) => {
    const ended = state?.terminated;
    if (ended === undefined || mayRestart(name, ended.exitCode)) return [];
    const isRevived = next.some((other) => other.name === name && other.state?.terminated === undefined);
    return isRevived ? [index] : [];
  });
}

/** One container's rule may start all of them again, whatever they say themselves. */
function mayRestartAll({ containers, initContainers }: PodSpec): boolean {
  return [...(containers ?? []), ...(initContainers ?? [])].some(({ restartPolicyRules }) =>
    restartPolicyRules?.some(({ action }) => action === 'RestartAllContainers'),
  );
}

function restarts(
  { restartPolicy, restartPolicyRules = [] }: Container,
  spec: PodSpec,
  exitCode: number,
): boolean {
  if (restartPolicy !== undefined && restartPolicyRules.some((rule) => isMet(rule, exitCode))) return true;
  const policy = restartPolicy ?? spec.restartPolicy;
  return policy === 'OnFailure' ? exitCode !== 0 : policy !== 'Never';
}

function isMet({ exitCodes }: ContainerRestartRule, exitCode: number): boolean {
  const isListed = exitCodes?.values?.includes(exitCode) ?? false;
  return exitCodes?.operator === 'NotIn' ? !isListed : isListed;
}
