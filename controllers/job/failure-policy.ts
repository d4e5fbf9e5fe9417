import type { PodFailurePolicy, PodFailurePolicyRule } from '../../api/generated/batch-v1.ts';
import type { ContainerStatus, Pod } from '../../api/generated/core-v1.ts';

export interface PolicyMatch {
  readonly action: string | undefined;
  /** Whether the failure counts towards the back-off limit. */
  readonly counts: boolean;
  /** Why the whole Job fails, when it does. */
  readonly message: string | undefined;
}

const noMatch: PolicyMatch = { action: undefined, counts: true, message: undefined };

/** The first rule that fits a failed pod decides; none means that the failure counts. */
export function matchFailurePolicy(policy: PodFailurePolicy | undefined, pod: Pod): PolicyMatch {
  for (const [index, rule] of (policy?.rules ?? []).entries()) {
    const what = matchRule(rule, pod);
    if (what === undefined) continue;
    const message =
      rule.action === 'FailJob' ? `${what} matching ${rule.action} rule at index ${index}` : undefined;
    return { action: rule.action, counts: rule.action !== 'Ignore', message };
  }
  return noMatch;
}

/** @returns what of the pod fits the rule, in words; undefined when nothing does */
function matchRule({ onExitCodes, onPodConditions }: PodFailurePolicyRule, pod: Pod): string | undefined {
  const { namespace, name } = pod.metadata;
  if (onExitCodes !== undefined) {
    const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? [])];
    const failed = statuses.find((status) => hasExitCode(status, onExitCodes));
    return failed === undefined
      ? undefined
      : `Container ${failed.name} for pod ${namespace}/${name} failed with exit code ${failed.state?.terminated?.exitCode}`;
  }
  const condition = (pod.status?.conditions ?? []).find((one) =>
    (onPodConditions ?? []).some(
      ({ type, status }) => type === one.type && (status ?? 'True') === one.status,
    ),
  );
  return condition === undefined ? undefined : `Pod ${namespace}/${name} has condition ${condition.type}`;
}

function hasExitCode(
  { name, state }: ContainerStatus,
  { containerName, operator, values }: NonNullable<PodFailurePolicyRule['onExitCodes']>,
): boolean {
  const exitCode = state?.terminated?.exitCode;
  if (exitCode === undefined || exitCode === 0) return false;
  if (containerName !== undefined && containerName !== name) return false;
  return values.includes(exitCode) === (operator === 'In');
}
