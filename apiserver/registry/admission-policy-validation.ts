/** The form of admission policies. Their expressions are not compiled: nothing here evaluates them. */
import type {
  AuditAnnotation,
  MatchResources,
  NamedRuleWithOperations,
  ParamKind,
  ParamRef,
  ValidatingAdmissionPolicy,
  ValidatingAdmissionPolicyBinding,
  Validation,
} from '../../api/generated/admissionregistration-v1.ts';
import { duplicate, forbidden, invalid, required, unsupported } from './field-error.ts';
import { validateLabelSelector } from './label-selector.ts';
import { dns1035LabelProblems, dnsSubdomainProblems, pathSegmentName } from './names.ts';
import type { FieldError } from './strategy.ts';
import { validateChoice, validateMatchConditions, validateRule } from './webhook-validation.ts';

const maxAuditAnnotations = 20;
const actions = ['Audit', 'Deny', 'Warn'];
const nothingToCheck = 'validations or auditAnnotations must contain at least one item';
const bothActions =
  'must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)';

export function validatePolicy({ spec = {} }: ValidatingAdmissionPolicy): FieldError[] {
  const { validations = [], auditAnnotations = [], matchConstraints } = spec;
  const field = 'spec.matchConstraints';
  const errors = [
    ...validateChoice(spec.failurePolicy, 'spec.failurePolicy', ['Fail', 'Ignore']),
    ...(spec.paramKind === undefined ? [] : validateParamKind(spec.paramKind)),
    ...(matchConstraints === undefined ? [required(field)] : validateMatch(matchConstraints, field)),
    ...(matchConstraints !== undefined && (matchConstraints.resourceRules ?? []).length === 0
      ? [required(`${field}.resourceRules`)]
      : []),
    ...validateMatchConditions(spec.matchConditions, 'spec.matchConditions'),
  ];
  for (const [index, { name, expression }] of (spec.variables ?? []).entries()) {
    if (name === '') errors.push(required(`spec.variables[${index}].name`, 'name is not specified'));
    if (expression.trim() === '')
      errors.push(required(`spec.variables[${index}].expression`, 'expression is not specified'));
  }
  if (validations.length + auditAnnotations.length === 0)
    return [
      ...errors,
      required('spec.validations', nothingToCheck),
      required('spec.auditAnnotations', nothingToCheck),
    ];
  return [
    ...errors,
    ...validations.flatMap((validation, index) =>
      validateValidation(validation, `spec.validations[${index}]`),
    ),
    ...validateAnnotations(auditAnnotations),
  ];
}

function validateParamKind({ apiVersion = '', kind = '' }: ParamKind): FieldError[] {
  const field = 'spec.paramKind.apiVersion';
  const parts = apiVersion.split('/');
  const [group, version] = parts.length === 1 ? ['', apiVersion] : [parts[0] ?? '', parts[1] ?? ''];
  const errors: FieldError[] = [];
  if (apiVersion === '') errors.push(required(field));
  else if (parts.length > 2)
    errors.push(invalid(field, apiVersion, `unexpected GroupVersion string: ${apiVersion}`));
  else {
    const wrong = group === '' ? [] : dnsSubdomainProblems(group);
    if (wrong.length > 0) errors.push(invalid(field, group, wrong.join(',')));
    const problems = version === '' ? [] : dns1035LabelProblems(version);
    if (version === '') errors.push(invalid(field, apiVersion, 'version must be specified'));
    if (problems.length > 0) errors.push(invalid(field, version, problems.join(',')));
  }
  if (kind === '') errors.push(required('spec.paramKind.kind'));
  else if (dns1035LabelProblems(kind.toLowerCase()).length > 0)
    errors.push(
      invalid(
        'spec.paramKind.kind',
        kind,
        `may have mixed case, but should otherwise match: ${dns1035LabelProblems(kind.toLowerCase()).join(',')}`,
      ),
    );
  return errors;
}

function validateMatch(match: MatchResources, field: string): FieldError[] {
  return [
    ...validateChoice(match.matchPolicy, `${field}.matchPolicy`, ['Equivalent', 'Exact']),
    ...validateLabelSelector(match.namespaceSelector, `${field}.namespaceSelector`),
    ...validateLabelSelector(match.objectSelector, `${field}.objectSelector`),
    ...(['resourceRules', 'excludeResourceRules'] as const).flatMap((list) =>
      (match[list] ?? []).flatMap((rule, index) => validateNamedRule(rule, `${field}.${list}[${index}]`)),
    ),
  ];
}

function validateNamedRule(rule: NamedRuleWithOperations, field: string): FieldError[] {
  const names = rule.resourceNames ?? [];
  return [
    ...names.flatMap((name, index) => [
      ...pathSegmentName(name, false).map((problem) =>
        invalid(`${field}.resourceNames[${index}]`, name, problem),
      ),
      ...(names.indexOf(name) < index ? [duplicate(`${field}.resourceNames[${index}]`, name)] : []),
    ]),
    ...validateRule(rule, field),
  ];
}

function validateValidation(validation: Validation, field: string): FieldError[] {
  const { expression, message = '', messageExpression = '' } = validation;
  const errors: FieldError[] = [];
  if (expression.trim() === '') errors.push(required(`${field}.expression`, 'expression is not specified'));
  if (messageExpression !== '' && messageExpression.trim() === '')
    errors.push(invalid(`${field}.messageExpression`, messageExpression, 'must be non-empty if specified'));
  if (message !== '' && message.trim() === '')
    errors.push(invalid(`${field}.message`, message, 'message must be non-empty if specified'));
  else if (message.trim().includes('\n'))
    errors.push(invalid(`${field}.message`, message, 'message must not contain line breaks'));
  return errors;
}

function validateAnnotations(annotations: readonly AuditAnnotation[]): FieldError[] {
  const keys = annotations.map(({ key }) => key);
  const tooMany =
    annotations.length > maxAuditAnnotations
      ? [
          invalid(
            'spec.auditAnnotations',
            annotations.map(({ key, valueExpression }) => ({ Key: key, ValueExpression: valueExpression })),
            `must not have more than ${maxAuditAnnotations} auditAnnotations`,
          ),
        ]
      : [];
  return [
    ...tooMany,
    ...annotations.flatMap(({ key, valueExpression }, index) => {
      const path = `spec.auditAnnotations[${index}]`;
      return [
        ...(key === '' ? [required(`${path}.key`)] : []),
        ...(valueExpression.trim() === ''
          ? [required(`${path}.valueExpression`, 'valueExpression is not specified')]
          : []),
        ...(keys.indexOf(key) < index ? [duplicate(`${path}.key`, key)] : []),
      ];
    }),
  ];
}

export function validatePolicyBinding({ spec }: ValidatingAdmissionPolicyBinding): FieldError[] {
  const { policyName = '', paramRef, matchResources } = spec ?? {};
  const validationActions = spec?.validationActions ?? [];
  const field = 'spec.validationActions';
  const errors: FieldError[] = policyName === '' ? [required('spec.policyName')] : [];
  for (const problem of policyName === '' ? [] : dnsSubdomainProblems(policyName))
    errors.push(invalid('spec.policyName', policyName, problem));
  if (paramRef !== undefined) errors.push(...validateParamRef(paramRef));
  if (matchResources !== undefined) errors.push(...validateMatch(matchResources, 'spec.matchResources'));
  for (const [index, action] of validationActions.entries()) {
    errors.push(...validateChoice(action, `${field}[${index}]`, actions));
    if (validationActions.indexOf(action) < index) errors.push(duplicate(`${field}[${index}]`, action));
  }
  if (validationActions.includes('Deny') && validationActions.includes('Warn'))
    errors.push(invalid(field, validationActions, bothActions));
  if (validationActions.length === 0)
    errors.push(required(field, 'at least one validation action is required'));
  return errors;
}

function validateParamRef({ name = '', selector, parameterNotFoundAction = '' }: ParamRef): FieldError[] {
  const field = 'spec.paramRef';
  const errors: FieldError[] = [];
  const exclusive = 'name and selector are mutually exclusive';
  for (const problem of name === '' ? [] : pathSegmentName(name, false))
    errors.push(invalid(`${field}.name`, name, problem));
  if (name !== '' && selector !== undefined) errors.push(forbidden(`${field}.name`, exclusive));
  errors.push(...validateLabelSelector(selector, `${field}.selector`));
  if (name !== '' && selector !== undefined) errors.push(forbidden(`${field}.selector`, exclusive));
  if (name === '' && selector === undefined)
    errors.push(required(field, 'one of name or selector must be specified'));
  const actionField = `${field}.parameterNotFoundAction`;
  if (parameterNotFoundAction === '') errors.push(required(actionField));
  else if (!['Deny', 'Allow'].includes(parameterNotFoundAction))
    errors.push(unsupported(actionField, parameterNotFoundAction, ['Deny', 'Allow']));
  return errors;
}
