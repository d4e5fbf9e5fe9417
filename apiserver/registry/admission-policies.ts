import { isDeepStrictEqual } from 'node:util';
import type {
  MatchResources,
  MutatingAdmissionPolicy,
  MutatingAdmissionPolicyBinding,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
} from '../../api/generated/admissionregistration-v1.ts';
import {
  mutatingadmissionpolicies,
  mutatingadmissionpolicybindings,
  validatingadmissionpolicies,
  validatingadmissionpolicybindings,
} from '../../api/generated/resources.ts';
import { validatePolicy, validatePolicyBinding } from './admission-policy-validation.ts';
import { ageColumn, nameColumn } from './columns.ts';
import type { KindRules } from './kind-rules.ts';

/** Mutates. */
function setMatchDefaults(match: MatchResources | undefined): void {
  if (match === undefined) return;
  match.matchPolicy ??= 'Equivalent';
  match.namespaceSelector ??= {};
  match.objectSelector ??= {};
  for (const rule of [...(match.resourceRules ?? []), ...(match.excludeResourceRules ?? [])])
    rule.scope ??= '*';
}

export const validatingPolicyRules: KindRules<ValidatingAdmissionPolicy> = {
  type: validatingadmissionpolicies,
  countsGeneration: true,
  allowUnconditionalUpdate: false,
  // One that is stored stays as it is; a change of its spec is judged as a whole.
  validate: (policy, _context, current) =>
    current !== undefined && isDeepStrictEqual(policy.spec, current.spec) ? [] : validatePolicy(policy),
  setDefaults({ spec }) {
    if (spec === undefined) return;
    spec.failurePolicy ??= 'Fail';
    setMatchDefaults(spec.matchConstraints);
  },
  columns: [nameColumn, ageColumn],
};

export const validatingPolicyBindingRules: KindRules<ValidatingAdmissionPolicyBinding> = {
  type: validatingadmissionpolicybindings,
  countsGeneration: true,
  allowUnconditionalUpdate: false,
  validate: (binding, _context, current) =>
    current !== undefined && isDeepStrictEqual(binding.spec, current.spec)
      ? []
      : validatePolicyBinding(binding),
  setDefaults: ({ spec }) => setMatchDefaults(spec?.matchResources),
};

export const mutatingPolicyRules: KindRules<MutatingAdmissionPolicy> = {
  type: mutatingadmissionpolicies,
  countsGeneration: true,
  setDefaults({ spec }) {
    if (spec === undefined) return;
    spec.failurePolicy ??= 'Fail';
    setMatchDefaults(spec.matchConstraints);
  },
};

export const mutatingPolicyBindingRules: KindRules<MutatingAdmissionPolicyBinding> = {
  type: mutatingadmissionpolicybindings,
  countsGeneration: true,
  setDefaults: ({ spec }) => setMatchDefaults(spec?.matchResources),
};
