import type { PodDisruptionBudget, PodDisruptionBudgetSpec } from '../../api/generated/policy-v1.ts';
import { poddisruptionbudgets } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { validateConditions } from './condition-validation.ts';
import { invalid, unsupported } from './field-error.ts';
import { validateAtMostAll, validateIntOrPercent } from './int-or-percent.ts';
import type { KindRules } from './kind-rules.ts';
import { isWrongSelector, validateLabelSelector } from './label-selector.ts';
import type { FieldError } from './strategy.ts';
import { validateCounts } from './workload-template-validation.ts';

const policies = ['AlwaysAllow', 'IfHealthyBudget'];
const counts = ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'];

/** By the names of the program, as messages show it. */
const shownSpec = (spec: PodDisruptionBudgetSpec): object => ({
  MinAvailable: spec.minAvailable ?? null,
  Selector: spec.selector ?? null,
  MaxUnavailable: spec.maxUnavailable ?? null,
  UnhealthyPodEvictionPolicy: spec.unhealthyPodEvictionPolicy ?? null,
});

function validateBudget(
  { spec = {} }: PodDisruptionBudget,
  current: PodDisruptionBudget | undefined,
): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.minAvailable !== undefined && spec.maxUnavailable !== undefined)
    errors.push(invalid('spec', shownSpec(spec), 'minAvailable and maxUnavailable cannot be both set'));
  for (const name of ['minAvailable', 'maxUnavailable'] as const)
    errors.push(
      ...validateIntOrPercent(spec[name], `spec.${name}`),
      ...validateAtMostAll(spec[name], `spec.${name}`),
    );
  const keepsValues = isWrongSelector(current?.spec?.selector);
  errors.push(...validateLabelSelector(spec.selector, 'spec.selector', { keepsValues }));
  const policy = spec.unhealthyPodEvictionPolicy;
  if (policy !== undefined && !policies.includes(policy))
    errors.push(unsupported('spec.unhealthyPodEvictionPolicy', policy, policies));
  return errors;
}

export const disruptionBudgetRules: KindRules<PodDisruptionBudget> = {
  type: poddisruptionbudgets,
  countsGeneration: true,
  allowUnconditionalUpdate: false,
  validate: (budget, _context, current) => validateBudget(budget, current),
  validateStatus: ({ status }) => [
    ...validateConditions(status?.conditions, 'status.conditions'),
    ...validateCounts(status ?? {}, counts),
  ],
  columns: [
    nameColumn,
    column('Min Available', 'The minimum number of pods that must be available.', ({ spec }) =>
      String(spec?.minAvailable ?? 'N/A'),
    ),
    column('Max Unavailable', 'The maximum number of pods that may be unavailable.', ({ spec }) =>
      String(spec?.maxUnavailable ?? 'N/A'),
    ),
    column(
      'Allowed Disruptions',
      'Calculated number of pods that may be disrupted at this time.',
      ({ status }) => status?.disruptionsAllowed ?? 0,
      'integer',
    ),
    ageColumn,
  ],
};
