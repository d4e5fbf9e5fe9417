import type { Container, ContainerResizePolicy, ContainerRestartRule } from '../../api/generated/core-v1.ts';
import { duplicate, invalid, required, tooMany, unsupported } from './field-error.ts';
import type { FieldError } from './strategy.ts';

const restartPolicies = ['Always', 'Never', 'OnFailure'];
const restartActions = ['Restart', 'RestartAllContainers'];
const maxRestartRules = 20;
const maxExitCodes = 255;

/** A container's own restart policy, and the rules that go before it. */
export function validateRestart(
  { restartPolicy, restartPolicyRules = [] }: Container,
  path: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (restartPolicy === undefined) {
    if (restartPolicyRules.length > 0)
      errors.push(
        required(`${path}.restartPolicy`, 'must specify restartPolicy when restart rules are used'),
      );
  } else if (!restartPolicies.includes(restartPolicy))
    errors.push(unsupported(`${path}.restartPolicy`, restartPolicy, restartPolicies));
  if (restartPolicyRules.length > maxRestartRules)
    errors.push(tooMany(`${path}.restartPolicyRules`, restartPolicyRules.length, maxRestartRules));
  for (const [index, rule] of restartPolicyRules.entries())
    errors.push(...validateRestartRule(rule, `${path}.restartPolicyRules[${index}]`));
  return errors;
}

function validateRestartRule({ action, exitCodes }: ContainerRestartRule, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (!restartActions.includes(action)) errors.push(unsupported(`${path}.action`, action, restartActions));
  if (exitCodes === undefined) return [...errors, required(`${path}.exitCodes`, 'must be specified')];
  if (exitCodes.operator !== 'In' && exitCodes.operator !== 'NotIn')
    errors.push(unsupported(`${path}.exitCodes.operator`, exitCodes.operator, ['In', 'NotIn']));
  const count = (exitCodes.values ?? []).length;
  if (count > maxExitCodes) errors.push(tooMany(`${path}.exitCodes.values`, count, maxExitCodes));
  return errors;
}

const resizeResources = ['cpu', 'memory'];
const resizePolicies = ['NotRequired', 'RestartContainer'];

export function validateResizePolicies(
  policies: readonly ContainerResizePolicy[],
  field: string,
  podRestartPolicy: string | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, { resourceName, restartPolicy }] of policies.entries()) {
    if (seen.has(resourceName)) errors.push(duplicate(`${field}[${index}]`, resourceName));
    seen.add(resourceName);
    if (resourceName === '') errors.push(required(field));
    else if (!resizeResources.includes(resourceName))
      errors.push(unsupported(field, resourceName, resizeResources));
    if (restartPolicy === '') errors.push(required(field));
    else if (!resizePolicies.includes(restartPolicy))
      errors.push(unsupported(field, restartPolicy, resizePolicies));
    if (podRestartPolicy === 'Never' && restartPolicy !== 'NotRequired')
      errors.push(invalid(field, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'"));
  }
  return errors;
}
