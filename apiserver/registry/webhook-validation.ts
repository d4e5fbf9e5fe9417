import type {
  MatchCondition,
  MutatingWebhook,
  RuleWithOperations,
  ServiceReference,
  ValidatingWebhook,
  WebhookClientConfig,
} from '../../api/generated/admissionregistration-v1.ts';
import { duplicate, invalid, required, tooMany, unsupported } from './field-error.ts';
import { isWrongSelector, validateLabelSelector } from './label-selector.ts';
import {
  dns1035LabelProblems,
  dnsSubdomainProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from './names.ts';
import type { FieldError } from './strategy.ts';

type Webhook = ValidatingWebhook | MutatingWebhook;

const reviewVersions = ['v1', 'v1beta1'];
const quietEffects = ['None', 'NoneOnDryRun'];
const allEffects = ['None', 'NoneOnDryRun', 'Some', 'Unknown'];
const operations = ['*', 'CONNECT', 'CREATE', 'DELETE', 'UPDATE'];
const scopes = ['*', 'Cluster', 'Namespaced'];
const maxConditions = 64;
const maxTimeoutSeconds = 30;

/** Nothing when it is left out or one of those. */
export function validateChoice(
  value: string | undefined,
  field: string,
  supported: readonly string[],
): FieldError[] {
  return value === undefined || supported.includes(value) ? [] : [unsupported(field, value, supported)];
}

/** What is wrong in the webhooks that are stored may stay: effects, versions, names, labels. */
export function validateWebhooks(
  hooks: readonly Webhook[] = [],
  current: readonly Webhook[] | undefined,
): FieldError[] {
  const old = current ?? [];
  const isQuiet = old.every(({ sideEffects }) => quietEffects.includes(sideEffects));
  const areKnown = old.every(
    ({ admissionReviewVersions: versions }) =>
      (versions ?? []).length === 0 || versions.some(isReviewVersion),
  );
  const areUnique = new Set(old.map(({ name }) => name)).size === old.length;
  const keepsValues = old.some(
    ({ namespaceSelector, objectSelector }) =>
      isWrongSelector(namespaceSelector) || isWrongSelector(objectSelector),
  );
  const names = hooks.map(({ name }) => name);
  return hooks.flatMap((hook, index) => {
    const path = `webhooks[${index}]`;
    const isRepeated = areUnique && hook.name !== '' && names.indexOf(hook.name) < index;
    return [
      ...validateFullName(hook.name, `${path}.name`),
      ...(hook.rules ?? []).flatMap((rule, at) => validateRule(rule, `${path}.rules[${at}]`)),
      ...validateChoice(hook.failurePolicy, `${path}.failurePolicy`, ['Fail', 'Ignore']),
      ...validateChoice(hook.matchPolicy, `${path}.matchPolicy`, ['Equivalent', 'Exact']),
      ...validateEffects(hook.sideEffects, `${path}.sideEffects`, isQuiet ? quietEffects : allEffects),
      ...validateTimeout(hook.timeoutSeconds, `${path}.timeoutSeconds`),
      ...validateLabelSelector(hook.namespaceSelector, `${path}.namespaceSelector`, { keepsValues }),
      ...validateLabelSelector(hook.objectSelector, `${path}.objectSelector`, { keepsValues }),
      ...('reinvocationPolicy' in hook
        ? validateChoice(hook.reinvocationPolicy, `${path}.reinvocationPolicy`, ['IfNeeded', 'Never'])
        : []),
      ...validateClient(hook.clientConfig, `${path}.clientConfig`),
      ...validateMatchConditions(hook.matchConditions, `${path}.matchConditions`),
      ...validateVersions(hook.admissionReviewVersions, `${path}.admissionReviewVersions`, areKnown),
      ...(isRepeated ? [duplicate(`${path}.name`, hook.name)] : []),
    ];
  });
}

const isReviewVersion = (version: string): boolean => reviewVersions.includes(version);

function validateFullName(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  const problems = dnsSubdomainProblems(name);
  if (problems.length > 0) return [invalid(field, name, problems.join(','))];
  return name.split('.').length < 3
    ? [invalid(field, name, 'should be a domain with at least three segments separated by dots')]
    : [];
}

function validateEffects(effects: string, field: string, allowed: readonly string[]): FieldError[] {
  if ((effects ?? '') === '') return [required(field, `must specify one of ${allowed.join(', ')}`)];
  return validateChoice(effects, field, allowed);
}

const validateTimeout = (seconds: number | undefined, field: string): FieldError[] =>
  seconds !== undefined && (seconds < 1 || seconds > maxTimeoutSeconds)
    ? [invalid(field, seconds, `the timeout value must be between 1 and ${maxTimeoutSeconds} seconds`)]
    : [];

function validateVersions(versions: readonly string[], field: string, needsKnown: boolean): FieldError[] {
  if ((versions ?? []).length === 0)
    return [required(field, `must specify one of ${reviewVersions.join(', ')}`)];
  const errors = versions.flatMap((version, index) =>
    versions.indexOf(version) < index
      ? [invalid(`${field}[${index}]`, version, 'duplicate version')]
      : dns1035LabelProblems(version).map((problem) => invalid(`${field}[${index}]`, version, problem)),
  );
  if (needsKnown && !versions.some(isReviewVersion))
    errors.push(invalid(field, versions, `must include at least one of ${reviewVersions.join(', ')}`));
  return errors;
}

/** Which requests: of a webhook, or of a policy. */
export function validateRule(rule: RuleWithOperations, field: string): FieldError[] {
  const { operations: wanted = [], apiGroups = [], apiVersions = [], resources = [] } = rule;
  return [
    ...validateList(wanted, `${field}.operations`, 'operations'),
    ...wanted.flatMap((operation, index) =>
      validateChoice(operation, `${field}.operations[${index}]`, operations),
    ),
    ...validateList(apiGroups, `${field}.apiGroups`, 'API groups'),
    ...validateList(apiVersions, `${field}.apiVersions`, 'API versions'),
    ...apiVersions.flatMap((version, index) =>
      version === '' ? [required(`${field}.apiVersions[${index}]`)] : [],
    ),
    ...validateResources(resources, `${field}.resources`),
    ...validateChoice(rule.scope, `${field}.scope`, scopes),
  ];
}

/** `*` stands alone. */
function validateList(list: readonly string[], field: string, what: string): FieldError[] {
  if (list.length === 0) return [required(field)];
  return list.length > 1 && list.includes('*')
    ? [invalid(field, list, `if '*' is present, must not specify other ${what}`)]
    : [];
}

function validateResources(resources: readonly string[], field: string): FieldError[] {
  if (resources.length === 0) return [required(field)];
  const errors: FieldError[] = [];
  const wholes = new Set<string>();
  const subs = new Set<string>();
  let hasPlain = false;
  for (const [index, name] of resources.entries()) {
    const path = `${field}[${index}]`;
    if (name === '') errors.push(required(path));
    const slash = name.indexOf('/');
    if (name === '' || slash < 0) {
      if (name !== '') hasPlain = name !== '*';
      continue;
    }
    const [resource, sub] = [name.slice(0, slash), name.slice(slash + 1)];
    if (wholes.has(resource))
      errors.push(invalid(path, name, `if '${resource}/*' is present, must not specify ${name}`));
    if (subs.has(sub)) errors.push(invalid(path, name, `if '*/${sub}' is present, must not specify ${name}`));
    if (sub === '*') wholes.add(resource);
    if (resource === '*') subs.add(sub);
  }
  if (resources.length > 1 && resources.includes('*/*'))
    errors.push(invalid(field, resources, "if '*/*' is present, must not specify other resources"));
  if (resources.includes('*') && hasPlain)
    errors.push(
      invalid(field, resources, "if '*' is present, must not specify other resources without subresources"),
    );
  return errors;
}

function validateClient({ url, service }: WebhookClientConfig, field: string): FieldError[] {
  if ((url === undefined) === (service === undefined))
    return [required(field, 'exactly one of url or service is required')];
  if (service !== undefined) return validateService(service, `${field}.service`);
  return validateUrl(url ?? '', `${field}.url`);
}

const urlForm = '; desired format: https://host[/path]';

function validateUrl(text: string, field: string): FieldError[] {
  const [, scheme = '', rest = ''] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(.*)$/s.exec(text) ?? [];
  const [, authority = ''] = /^\/\/([^/?#]*)/.exec(rest) ?? [];
  const at = authority.lastIndexOf('@');
  const [user, host] = [authority.slice(0, Math.max(0, at)), authority.slice(at + 1)];
  const [, fragment = ''] = /#(.*)$/s.exec(rest) ?? [];
  const [, query = ''] = /\?([^#]*)/.exec(rest) ?? [];
  const errors: FieldError[] = [];
  if (scheme !== 'https')
    errors.push(invalid(field, scheme, `'https' is the only allowed URL scheme${urlForm}`));
  if (host === '') errors.push(invalid(field, host, `host must be specified${urlForm}`));
  if (at >= 0) errors.push(invalid(field, user, 'user information is not permitted in the URL'));
  if (fragment !== '') errors.push(invalid(field, fragment, 'fragments are not permitted in the URL'));
  if (query !== '') errors.push(invalid(field, query, 'query parameters are not permitted in the URL'));
  return errors;
}

function validateService({ name, namespace, path, port = 0 }: ServiceReference, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${field}.name`, 'service name is required'));
  if (namespace === '') errors.push(required(`${field}.namespace`, 'service namespace is required'));
  const problems = portNumberProblems(port);
  if (problems.length > 0)
    errors.push(invalid(`${field}.port`, port, `port is not valid: ${problems.join(',')}`));
  return [...errors, ...validateUrlPath(path ?? '', `${field}.path`)];
}

function validateUrlPath(path: string, field: string): FieldError[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return [invalid(field, path, 'segment[0] may not be empty')];
  const errors = path.startsWith('/') ? [] : [invalid(field, path, "must start with a '/'")];
  const segments = path.slice(1).replace(/\/$/, '').split('/');
  for (const [index, segment] of segments.entries())
    if (segment === '') errors.push(invalid(field, path, `segment[${index}] may not be empty`));
    else
      for (const problem of dnsSubdomainProblems(segment))
        errors.push(invalid(field, path, `segment[${index}]: ${problem}`));
  return errors;
}

/** Their expressions are not compiled: nothing here evaluates them. */
export function validateMatchConditions(
  conditions: readonly MatchCondition[] = [],
  field: string,
): FieldError[] {
  const errors = conditions.length > maxConditions ? [tooMany(field, conditions.length, maxConditions)] : [];
  const names = conditions.map(({ name }) => name);
  for (const [index, { name, expression }] of conditions.entries()) {
    const path = `${field}[${index}]`;
    if (expression.trim() === '') errors.push(required(`${path}.expression`));
    if (name === '') errors.push(required(`${path}.name`));
    else {
      for (const problem of qualifiedNameProblems(name)) errors.push(invalid(`${path}.name`, name, problem));
      if (names.indexOf(name) < index) errors.push(duplicate(`${path}.name`, name));
    }
  }
  return errors;
}
