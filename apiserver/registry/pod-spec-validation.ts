import { isIP } from 'node:net';
import type { PodSpec, Toleration } from '../../api/generated/core-v1.ts';
import { validateAffinity, validateTopologySpread } from './affinity-validation.ts';
import { validateContainers, validateHostNetworkPorts } from './container-validation.ts';
import { duplicate, invalid, required, unsupported } from './field-error.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  qualifiedNameProblems,
  underscoredSubdomainProblems,
} from './names.ts';
import { validateLabels } from './object-meta.ts';
import { validateNonNegative } from './probe-validation.ts';
import { validateClaimUses, validatePodResources, validateResources } from './resource-validation.ts';
import { validateHostNamespaces, validatePodSecurityContext } from './security-validation.ts';
import type { FieldError } from './strategy.ts';
import { validateVolumes } from './volume-validation.ts';

export const ipText = 'must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)';

/** Everything in a pod's spec that does not depend on anything else; in Kubernetes' order. */
export function validatePodSpec(spec: PodSpec, field: string): FieldError[] {
  return [
    ...validateVolumes(spec.volumes ?? [], `${field}.volumes`),
    ...validateResourceClaims(spec, `${field}.resourceClaims`),
    ...validateContainers(spec, field),
    ...validateClaimUses(spec, field),
    ...validatePodResources(spec, `${field}.resources`),
    ...validateHostNetworkPorts(spec, field),
    ...validatePolicies(spec, field),
    ...validateLabels(spec.nodeSelector, `${field}.nodeSelector`),
    ...validatePodSecurityContext(spec, `${field}.securityContext`),
    ...validateAffinity(spec.affinity, `${field}.affinity`),
    ...validateDnsConfig(spec, `${field}.dnsConfig`),
    ...validateGates(spec, field),
    ...validateTopologySpread(spec.topologySpreadConstraints ?? [], `${field}.topologySpreadConstraints`),
    ...validateHostNamespaces(spec, field),
    ...validateNames(spec, field),
    ...validateTolerations(spec.tolerations ?? [], `${field}.tolerations`),
    ...validateHostAliases(spec, `${field}.hostAliases`),
    ...validateClasses(spec, field),
    ...(spec.overhead === undefined ? [] : validateResources({ limits: spec.overhead }, `${field}.overhead`)),
    ...validateOs(spec, `${field}.os`),
  ];
}

const restartPolicies = ['Always', 'OnFailure', 'Never'];
const dnsPolicies = ['ClusterFirstWithHostNet', 'ClusterFirst', 'Default', 'None'];

function validatePolicies(spec: PodSpec, field: string): FieldError[] {
  return [
    ...choice(`${field}.restartPolicy`, spec.restartPolicy ?? '', restartPolicies),
    ...choice(`${field}.dnsPolicy`, spec.dnsPolicy ?? '', dnsPolicies),
  ];
}

/** One of those, told in their order; nothing at all is another error. */
function choice(field: string, value: string, supported: readonly string[]): FieldError[] {
  if (value === '') return [required(field)];
  return supported.includes(value) ? [] : [unsupported(field, value, supported)];
}

function validateResourceClaims(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, claim] of (spec.resourceClaims ?? []).entries()) {
    const path = `${field}[${index}]`;
    const { name, resourceClaimName, resourceClaimTemplateName } = claim;
    if (name === '') errors.push(required(`${path}.name`));
    else if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    else for (const problem of dnsLabelProblems(name)) errors.push(invalid(`${path}.name`, name, problem));
    names.add(name);
    const shown = {
      Name: name,
      ResourceClaimName: resourceClaimName ?? null,
      ResourceClaimTemplateName: resourceClaimTemplateName ?? null,
    };
    if (resourceClaimName !== undefined && resourceClaimTemplateName !== undefined)
      errors.push(
        invalid(
          path,
          shown,
          'at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified',
        ),
      );
    if (resourceClaimName === undefined && resourceClaimTemplateName === undefined)
      errors.push(
        invalid(path, shown, 'must specify one of: `resourceClaimName`, `resourceClaimTemplateName`'),
      );
    for (const key of ['resourceClaimName', 'resourceClaimTemplateName'] as const) {
      const value = claim[key];
      if (value === undefined) continue;
      for (const problem of dnsSubdomainProblems(value))
        errors.push(invalid(`${path}.${key}`, value, problem));
    }
  }
  return errors;
}

function validateOs({ os }: PodSpec, field: string): FieldError[] {
  if (os === undefined) return [];
  if (os.name === '') return [required(`${field}.name`, 'cannot be empty')];
  return ['linux', 'windows'].includes(os.name) ? [] : [unsupported(field, os.name, ['linux', 'windows'])];
}

const maxNameservers = 3;

function validateDnsConfig(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const config = spec.dnsConfig;
  if (spec.dnsPolicy === 'None' && config === undefined)
    return [required(field, 'must provide `dnsConfig` when `dnsPolicy` is None')];
  const nameservers = config?.nameservers ?? [];
  if (spec.dnsPolicy === 'None' && nameservers.length === 0)
    return [
      required(`${field}.nameservers`, 'must provide at least one DNS nameserver when `dnsPolicy` is None'),
    ];
  if (nameservers.length > maxNameservers)
    errors.push(
      invalid(`${field}.nameservers`, nameservers, `must not have more than ${maxNameservers} nameservers`),
    );
  for (const [index, address] of nameservers.entries())
    if (isIP(address) === 0) errors.push(invalid(`${field}.nameservers[${index}]`, address, ipText));
  errors.push(...validateSearches(config?.searches ?? [], `${field}.searches`));
  for (const [index, option] of (config?.options ?? []).entries())
    if ((option.name ?? '') === '') errors.push(required(`${field}.options[${index}]`, 'must not be empty'));
  return errors;
}

const maxSearches = 32;
const maxSearchCharacters = 2048;

function validateSearches(searches: readonly string[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (searches.length > maxSearches)
    errors.push(invalid(field, searches, `must not have more than ${maxSearches} search paths`));
  if (searches.join(' ').length > maxSearchCharacters)
    errors.push(
      invalid(
        field,
        searches,
        `must not have more than ${maxSearchCharacters} characters (including spaces) in the search list`,
      ),
    );
  for (const [index, search] of searches.entries()) {
    if (search === '.') continue;
    const domain = search.endsWith('.') ? search.slice(0, -1) : search;
    for (const problem of underscoredSubdomainProblems(domain))
      errors.push(invalid(`${field}[${index}]`, domain, problem));
  }
  return errors;
}

function validateGates(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, gate] of (spec.readinessGates ?? []).entries())
    for (const problem of qualifiedNameProblems(gate.conditionType))
      errors.push(invalid(`${field}.readinessGates[${index}].conditionType`, gate.conditionType, problem));
  const names = new Set<string>();
  for (const [index, { name }] of (spec.schedulingGates ?? []).entries()) {
    const path = `${field}.schedulingGates[${index}]`;
    for (const problem of qualifiedNameProblems(name)) errors.push(invalid(path, name, problem));
    if (names.has(name)) errors.push(duplicate(path, name));
    names.add(name);
  }
  return errors;
}

const maxSeconds = 2 ** 31 - 1;

function validateNames(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const check = (name: string, value: string | undefined, problems: (value: string) => string[]): void => {
    if (value !== undefined && value !== '')
      errors.push(...problems(value).map((problem) => invalid(`${field}.${name}`, value, problem)));
  };
  check('serviceAccountName', spec.serviceAccountName, dnsSubdomainProblems);
  check('nodeName', spec.nodeName, dnsSubdomainProblems);
  const deadline = spec.activeDeadlineSeconds;
  if (deadline !== undefined && (deadline < 1 || deadline > maxSeconds))
    errors.push(
      invalid(`${field}.activeDeadlineSeconds`, deadline, `must be between 1 and ${maxSeconds}, inclusive`),
    );
  check('hostname', spec.hostname, dnsLabelProblems);
  check('subdomain', spec.subdomain, dnsLabelProblems);
  return errors;
}

const effects = ['NoSchedule', 'PreferNoSchedule', 'NoExecute'];

export function validateTolerations(tolerations: readonly Toleration[], field: string): FieldError[] {
  return tolerations.flatMap((toleration, index) => validateToleration(toleration, `${field}[${index}]`));
}

function validateToleration(toleration: Toleration, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { key = '', operator = '', value = '', effect = '' } = toleration;
  if (key !== '')
    for (const problem of qualifiedNameProblems(key)) errors.push(invalid(`${path}.key`, key, problem));
  if (key === '' && operator !== 'Exists')
    errors.push(
      invalid(
        `${path}.operator`,
        operator,
        'operator must be Exists when `key` is empty, which means "match all values and all keys"',
      ),
    );
  if (toleration.tolerationSeconds !== undefined && effect !== 'NoExecute')
    errors.push(
      invalid(`${path}.effect`, effect, "effect must be 'NoExecute' when `tolerationSeconds` is set"),
    );
  if (operator === 'Exists' && value !== '')
    errors.push(invalid(`${path}.operator`, value, "value must be empty when `operator` is 'Exists'"));
  if (operator === '' || operator === 'Equal') {
    const problems = labelValueProblems(value);
    if (problems.length > 0) errors.push(invalid(`${path}.operator`, value, problems.join(';')));
  }
  if (!['', 'Equal', 'Exists', 'Lt', 'Gt'].includes(operator))
    errors.push(unsupported(`${path}.operator`, operator, ['Equal', 'Exists']));
  if (effect !== '' && !effects.includes(effect)) errors.push(unsupported(`${path}.effect`, effect, effects));
  return errors;
}

function validateHostAliases(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, alias] of (spec.hostAliases ?? []).entries()) {
    if (isIP(alias.ip) === 0) errors.push(invalid(`${field}[${index}].ip`, alias.ip, ipText));
    for (const [nameIndex, hostname] of (alias.hostnames ?? []).entries())
      for (const problem of dnsSubdomainProblems(hostname))
        errors.push(invalid(`${field}[${index}].hostnames[${nameIndex}]`, hostname, problem));
  }
  return errors;
}

function validateClasses(spec: PodSpec, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const name of ['priorityClassName', 'runtimeClassName'] as const) {
    const value = spec[name] ?? '';
    if (value === '') continue;
    for (const problem of dnsSubdomainProblems(value))
      errors.push(invalid(`${field}.${name}`, value, problem));
  }
  if (spec.preemptionPolicy !== undefined)
    errors.push(
      ...choice(`${field}.preemptionPolicy`, spec.preemptionPolicy, ['PreemptLowerPriority', 'Never']),
    );
  errors.push(
    ...validateNonNegative(spec.terminationGracePeriodSeconds, `${field}.terminationGracePeriodSeconds`),
  );
  return errors;
}
