import type { IngressClass, IngressClassParametersReference } from '../../api/generated/networking-v1.ts';
import { ingressclasses } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { forbidden, invalid, required, tooLong, unsupported } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsLabelProblems, dnsSubdomainProblems, pathSegmentName } from './names.ts';
import type { FieldError } from './strategy.ts';

const maxControllerLength = 250;
const scopes = ['Cluster', 'Namespace'];
const pathPattern = "[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+";
const pathCharacters = new RegExp(`^${pathPattern}$`);

interface Reference {
  readonly apiGroup?: string | undefined;
  readonly kind: string;
  readonly name: string;
}

/** Something in the cluster, by group, kind and name. */
export function validateReference({ apiGroup, kind, name }: Reference, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (apiGroup !== undefined)
    for (const problem of dnsSubdomainProblems(apiGroup))
      errors.push(invalid(`${field}.apiGroup`, apiGroup, problem));
  for (const [key, value] of [
    ['kind', kind],
    ['name', name],
  ] as const) {
    if ((value ?? '') === '') errors.push(required(`${field}.${key}`, `${key} is required`));
    else
      for (const problem of pathSegmentName(value, false))
        errors.push(invalid(`${field}.${key}`, value, problem));
  }
  return errors;
}

/** `example.com/path` */
function validatePrefixedPath(value: string, field: string): FieldError[] {
  if (value === '') return [required(field)];
  const slash = value.indexOf('/');
  const [host, path] = [value.slice(0, Math.max(0, slash)), value.slice(slash + 1)];
  if (host === '' || path === '')
    return [invalid(field, value, 'must be a domain-prefixed path (such as "acme.io/foo")')];
  const errors = dnsSubdomainProblems(host).map((problem) => invalid(field, host, problem));
  if (!pathCharacters.test(path))
    errors.push(invalid(field, path, `Invalid path (regex used for validation is '${pathPattern}')`));
  return errors;
}

function validateParameters(parameters: IngressClassParametersReference): FieldError[] {
  const field = 'spec.parameters';
  const { scope = '', namespace } = parameters;
  const errors = validateReference(parameters, field);
  if (scope === '') return [...errors, required(`${field}.scope`)];
  if (!scopes.includes(scope)) return [...errors, unsupported(`${field}.scope`, scope, scopes)];
  if (scope === 'Cluster')
    return namespace === undefined
      ? errors
      : [...errors, forbidden(`${field}.namespace`, "`parameters.scope` is set to 'Cluster'")];
  if (namespace === undefined)
    return [...errors, required(`${field}.namespace`, "`parameters.scope` is set to 'Namespace'")];
  const problems = dnsLabelProblems(namespace);
  return [...errors, ...problems.map((problem) => invalid(`${field}.namespace`, namespace, problem))];
}

export const ingressClassRules: KindRules<IngressClass> = {
  type: ingressclasses,
  countsGeneration: true,
  setDefaults({ spec }) {
    if (spec?.parameters !== undefined) spec.parameters.scope ??= 'Cluster';
  },
  validate({ spec }) {
    const controller = spec?.controller ?? '';
    return [
      ...(controller.length > maxControllerLength ? [tooLong('spec.controller', maxControllerLength)] : []),
      ...validatePrefixedPath(controller, 'spec.controller'),
      ...(spec?.parameters === undefined ? [] : validateParameters(spec.parameters)),
    ];
  },
  validateUpdate: (next, current) =>
    next.spec?.controller === current.spec?.controller
      ? []
      : [invalid('spec.controller', next.spec?.controller, 'field is immutable')],
  columns: [
    nameColumn,
    column(
      'Controller',
      'Controller that is responsible for handling this class',
      ({ spec }) => spec?.controller ?? '',
    ),
    column('Parameters', 'A reference to a resource with additional parameters', ({ spec }) => {
      const parameters = spec?.parameters;
      if (parameters === undefined) return '<none>';
      const group = parameters.apiGroup === undefined ? '' : `.${parameters.apiGroup}`;
      return `${parameters.kind}${group}/${parameters.name}`;
    }),
    ageColumn,
  ],
};
