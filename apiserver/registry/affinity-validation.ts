import type {
  Affinity,
  NodeSelectorRequirement,
  NodeSelectorTerm,
  PodAffinityTerm,
  TopologySpreadConstraint,
  WeightedPodAffinityTerm,
} from '../../api/generated/core-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { duplicate, forbidden, invalid, required, unsupported } from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
} from './names.ts';
import type { FieldError } from './strategy.ts';

const weightRange = 'must be in the range 1-100';

export function validateAffinity(affinity: Affinity | undefined, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const node = affinity?.nodeAffinity;
  const hard = node?.requiredDuringSchedulingIgnoredDuringExecution;
  if (hard !== undefined)
    errors.push(
      ...validateNodeSelector(
        hard.nodeSelectorTerms,
        `${field}.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution`,
      ),
    );
  for (const [index, term] of (node?.preferredDuringSchedulingIgnoredDuringExecution ?? []).entries()) {
    const path = `${field}.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[${index}]`;
    if (term.weight <= 0 || term.weight > 100)
      errors.push(invalid(`${path}.weight`, term.weight, weightRange));
    errors.push(...validateNodeSelectorTerm(term.preference, `${path}.preference`, false));
  }
  for (const name of ['podAffinity', 'podAntiAffinity'] as const) {
    const pods = affinity?.[name];
    errors.push(
      ...validatePodTerms(
        pods?.requiredDuringSchedulingIgnoredDuringExecution ?? [],
        `${field}.${name}.requiredDuringSchedulingIgnoredDuringExecution`,
      ),
      ...validateWeightedTerms(
        pods?.preferredDuringSchedulingIgnoredDuringExecution ?? [],
        `${field}.${name}.preferredDuringSchedulingIgnoredDuringExecution`,
      ),
    );
  }
  return errors;
}

export function validateNodeSelector(terms: readonly NodeSelectorTerm[] | null, field: string): FieldError[] {
  if ((terms ?? []).length === 0)
    return [required(`${field}.nodeSelectorTerms`, 'must have at least one node selector term')];
  return (terms ?? []).flatMap((term, index) =>
    validateNodeSelectorTerm(term, `${field}.nodeSelectorTerms[${index}]`),
  );
}

/** What is only preferred may name values that no label can have. */
function validateNodeSelectorTerm(term: NodeSelectorTerm, field: string, checksValues = true): FieldError[] {
  return [
    ...(term.matchExpressions ?? []).flatMap((requirement, index) =>
      validateNodeRequirement(requirement, `${field}.matchExpressions[${index}]`, checksValues),
    ),
    ...(term.matchFields ?? []).flatMap((requirement, index) =>
      validateNodeField(requirement, `${field}.matchFields[${index}]`),
    ),
  ];
}

function validateNodeRequirement(
  requirement: NodeSelectorRequirement,
  field: string,
  checksValues: boolean,
): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  switch (requirement.operator) {
    case 'In':
    case 'NotIn':
      if (values.length === 0)
        errors.push(required(`${field}.values`, "must be specified when `operator` is 'In' or 'NotIn'"));
      break;
    case 'Exists':
    case 'DoesNotExist':
      if (values.length > 0)
        errors.push(
          forbidden(`${field}.values`, "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"),
        );
      break;
    case 'Gt':
    case 'Lt':
      if (values.length !== 1)
        errors.push(
          required(`${field}.values`, "must be specified single value when `operator` is 'Lt' or 'Gt'"),
        );
      break;
    default:
      errors.push(invalid(`${field}.operator`, requirement.operator, 'not a valid selector operator'));
  }
  for (const problem of qualifiedNameProblems(requirement.key))
    errors.push(invalid(`${field}.key`, requirement.key, problem));
  for (const [index, value] of checksValues ? values.entries() : [])
    for (const problem of labelValueProblems(value))
      errors.push(invalid(`${field}.values[${index}]`, value, problem));
  return errors;
}

function validateNodeField(requirement: NodeSelectorRequirement, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const values = requirement.values ?? [];
  if (requirement.operator !== 'In' && requirement.operator !== 'NotIn')
    errors.push(invalid(`${field}.operator`, requirement.operator, 'not a valid selector operator'));
  else if (values.length !== 1)
    errors.push(
      required(
        `${field}.values`,
        "must be only one value when `operator` is 'In' or 'NotIn' for node field selector",
      ),
    );
  if (requirement.key !== 'metadata.name')
    return [...errors, invalid(`${field}.key`, requirement.key, 'not a valid field selector key')];
  for (const [index, value] of values.entries())
    for (const problem of dnsSubdomainProblems(value))
      errors.push(invalid(`${field}.values[${index}]`, value, problem));
  return errors;
}

function validateWeightedTerms(terms: readonly WeightedPodAffinityTerm[], field: string): FieldError[] {
  return terms.flatMap((term, index) => [
    ...(term.weight <= 0 || term.weight > 100
      ? [invalid(`${field}[${index}].weight`, term.weight, weightRange)]
      : []),
    ...validatePodTerm(term.podAffinityTerm, `${field}[${index}].podAffinityTerm`),
  ]);
}

function validatePodTerms(terms: readonly PodAffinityTerm[], field: string): FieldError[] {
  return terms.flatMap((term, index) => validatePodTerm(term, `${field}[${index}]`));
}

function validatePodTerm(term: PodAffinityTerm, field: string): FieldError[] {
  const errors = [
    ...validateLabelSelector(term.labelSelector, `${field}.labelSelector`),
    ...validateLabelSelector(term.namespaceSelector, `${field}.namespaceSelector`),
  ];
  for (const name of term.namespaces ?? [])
    for (const problem of dnsLabelProblems(name)) errors.push(invalid(`${field}.namespace`, name, problem));
  errors.push(...validateLabelKeys(term, field));
  if (term.topologyKey === '') errors.push(required(`${field}.topologyKey`, 'can not be empty'));
  for (const problem of qualifiedNameProblems(term.topologyKey))
    errors.push(invalid(`${field}.topologyKey`, term.topologyKey, problem));
  return errors;
}

interface LabelKeys {
  readonly matchLabelKeys?: readonly string[] | undefined;
  readonly mismatchLabelKeys?: readonly string[] | undefined;
  readonly labelSelector?: LabelSelector | undefined;
}

/** Keys whose values the pod itself has. */
function validateLabelKeys(term: LabelKeys, field: string): FieldError[] {
  const { matchLabelKeys = [], mismatchLabelKeys = [], labelSelector } = term;
  const errors: FieldError[] = [];
  for (const [name, keys] of [
    ['matchLabelKeys', matchLabelKeys],
    ['mismatchLabelKeys', mismatchLabelKeys],
  ] as const)
    if (keys.length > 0 && labelSelector === undefined)
      errors.push(forbidden(`${field}.${name}`, 'must not be specified when labelSelector is not set'));
    else
      for (const [index, key] of keys.entries())
        for (const problem of qualifiedNameProblems(key))
          errors.push(invalid(`${field}.${name}[${index}]`, key, problem));
  errors.push(...validateSelectedOnce(matchLabelKeys, labelSelector, field));
  for (const [index, key] of matchLabelKeys.entries())
    if (mismatchLabelKeys.includes(key))
      errors.push(
        invalid(
          `${field}.matchLabelKeys[${index}]`,
          key,
          'exists in both matchLabelKeys and mismatchLabelKeys',
        ),
      );
  return errors;
}

/**
 * In a pod the keys have become requirements of the selector (label-key-merge.ts), so that a key that the selector names
 * once is right, and one that it names twice was the user's as well.
 */
function validateSelectedOnce(
  keys: readonly string[],
  selector: LabelSelector | undefined,
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  const selected = new Set(Object.keys(selector?.matchLabels ?? {}));
  for (const { key } of selector?.matchExpressions ?? []) {
    const index = keys.lastIndexOf(key);
    if (index >= 0 && selected.has(key))
      errors.push(invalid(`${field}[${index}]`, key, 'exists in both matchLabelKeys and labelSelector'));
    selected.add(key);
  }
  return errors;
}

export function validateTopologySpread(
  constraints: readonly TopologySpreadConstraint[],
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, constraint] of constraints.entries()) {
    const path = `${field}[${index}]`;
    if (constraint.maxSkew <= 0)
      errors.push(invalid(`${path}.maxSkew`, constraint.maxSkew, 'must be greater than zero'));
    if (constraint.topologyKey === '') errors.push(required(`${path}.topologyKey`, 'can not be empty'));
    const actions = ['DoNotSchedule', 'ScheduleAnyway'];
    if (!actions.includes(constraint.whenUnsatisfiable))
      errors.push(unsupported(`${path}.whenUnsatisfiable`, constraint.whenUnsatisfiable, actions));
    if (constraints.slice(index + 1).some((other) => sameKind(other, constraint))) {
      const pair = `{${constraint.topologyKey}, ${constraint.whenUnsatisfiable}}`;
      errors.push(duplicate(`${path}.{topologyKey, whenUnsatisfiable}`, pair));
    }
    errors.push(...validateMinDomains(constraint, `${path}.minDomains`));
    for (const policy of ['nodeAffinityPolicy', 'nodeTaintsPolicy'] as const) {
      const value = constraint[policy];
      if (value !== undefined && !['Honor', 'Ignore'].includes(value))
        errors.push(unsupported(`${path}.${policy}`, value, ['Honor', 'Ignore']));
    }
    errors.push(
      ...validateLabelKeys(constraint, path),
      ...validateLabelSelector(constraint.labelSelector, `${path}.labelSelector`),
    );
  }
  return errors;
}

const sameKind = (one: TopologySpreadConstraint, other: TopologySpreadConstraint): boolean =>
  one.topologyKey === other.topologyKey && one.whenUnsatisfiable === other.whenUnsatisfiable;

function validateMinDomains(constraint: TopologySpreadConstraint, field: string): FieldError[] {
  const { minDomains, whenUnsatisfiable } = constraint;
  if (minDomains === undefined) return [];
  const errors: FieldError[] = [];
  if (minDomains <= 0) errors.push(invalid(field, minDomains, 'must be greater than zero'));
  if (whenUnsatisfiable !== 'DoNotSchedule')
    errors.push(
      invalid(
        field,
        minDomains,
        `can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ${whenUnsatisfiable}`,
      ),
    );
  return errors;
}
