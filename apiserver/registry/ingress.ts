import { isIP } from 'node:net';
import type {
  Ingress,
  IngressBackend,
  IngressRule,
  IngressStatus,
  IngressTLS,
} from '../../api/generated/networking-v1.ts';
import { ingresses } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { invalid, required, unsupportedSorted } from './field-error.ts';
import { validateReference } from './ingress-class.ts';
import type { KindRules } from './kind-rules.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  portNameProblems,
  portNumberProblems,
  wildcardSubdomainProblems,
} from './names.ts';
import { ipText } from './pod-spec-validation.ts';
import type { FieldError } from './strategy.ts';

const pathTypes = ['Exact', 'Prefix', 'ImplementationSpecific'];
const classAnnotation = 'kubernetes.io/ingress.class';

const isWildcard = ({ host = '' }: IngressRule): boolean => host.includes('*');
const secretProblems = ({ secretName = '' }: IngressTLS): string[] =>
  secretName === '' ? [] : dnsSubdomainProblems(secretName);
const hostProblems = (host: string): string[] =>
  host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host);

function validateIngress({ spec = {} }: Ingress, current: Ingress | undefined): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.rules ?? []).length === 0 && spec.defaultBackend === undefined)
    errors.push(invalid('spec', spec.rules, 'either `defaultBackend` or `rules` must be specified'));
  if (spec.defaultBackend !== undefined)
    errors.push(...validateBackend(spec.defaultBackend, 'spec.defaultBackend'));
  // What older servers did not look at stays: rules of wildcard hosts, and names of secrets.
  const keepsRules = (current?.spec?.rules ?? []).some(
    (rule) => isWildcard(rule) && validatePaths(rule, '').length > 0,
  );
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    const path = `spec.rules[${index}]`;
    errors.push(...validateHost(rule.host ?? '', `${path}.host`));
    if (!isWildcard(rule) || !keepsRules) errors.push(...validatePaths(rule, path));
  }
  const keepsSecrets = (current?.spec?.tls ?? []).some((tls) => secretProblems(tls).length > 0);
  for (const [index, tls] of (spec.tls ?? []).entries()) {
    for (const [at, host] of (tls.hosts ?? []).entries())
      for (const problem of hostProblems(host))
        errors.push(invalid(`spec.tls[${index}].hosts[${at}]`, host, problem));
    for (const problem of keepsSecrets ? [] : secretProblems(tls))
      errors.push(invalid(`spec.tls[${index}].secretName`, tls.secretName, problem));
  }
  if (spec.ingressClassName !== undefined)
    for (const problem of dnsSubdomainProblems(spec.ingressClassName))
      errors.push(invalid('spec.ingressClassName', spec.ingressClassName, problem));
  return errors;
}

function validateHost(host: string, field: string): FieldError[] {
  if (host === '') return [];
  const errors = isIP(host) === 0 ? [] : [invalid(field, host, 'must be a DNS name, not an IP address')];
  return [...errors, ...hostProblems(host).map((problem) => invalid(field, host, problem))];
}

function validatePaths({ http }: IngressRule, field: string): FieldError[] {
  if (http === undefined) return [];
  const paths = http.paths ?? [];
  if (paths.length === 0) return [required(`${field}.http.paths`)];
  return paths.flatMap((path, index) => validateHttpPath(path, `${field}.http.paths[${index}]`));
}

const invalidSequences = ['//', '/./', '/../', '%2f', '%2F'];
const invalidSuffixes = ['/..', '/.'];

function validateHttpPath(
  {
    path,
    pathType,
    backend,
  }: { path?: string | undefined; pathType?: string | undefined; backend: IngressBackend },
  field: string,
): FieldError[] {
  if (pathType === undefined || pathType === '')
    return [required(`${field}.pathType`, 'pathType must be specified')];
  const errors: FieldError[] = [];
  const value = path ?? '';
  if (pathType === 'Exact' || pathType === 'Prefix') {
    if (!value.startsWith('/')) errors.push(invalid(`${field}.path`, value, 'must be an absolute path'));
    for (const sequence of invalidSequences)
      if (value.includes(sequence))
        errors.push(invalid(`${field}.path`, value, `must not contain '${sequence}'`));
    for (const suffix of invalidSuffixes)
      if (value.endsWith(suffix)) errors.push(invalid(`${field}.path`, value, `cannot end with '${suffix}'`));
  } else if (pathType !== 'ImplementationSpecific')
    errors.push(unsupportedSorted(`${field}.pathType`, pathType, pathTypes));
  else if (value !== '' && !value.startsWith('/'))
    errors.push(invalid(`${field}.path`, value, 'must be an absolute path'));
  return [...errors, ...validateBackend(backend, `${field}.backend`)];
}

function validateBackend({ service, resource }: IngressBackend, field: string): FieldError[] {
  if (resource !== undefined && service !== undefined)
    return [invalid(field, '', 'cannot set both resource and service backends')];
  if (resource !== undefined) return validateReference(resource, `${field}.resource`);
  if (service === undefined) return [invalid(field, '', 'resource or service backend is required')];
  const errors: FieldError[] = [];
  if (service.name === '') errors.push(required(`${field}.service.name`));
  else
    for (const problem of dnsLabelProblems(service.name))
      errors.push(invalid(`${field}.service.name`, service.name, problem));
  const name = service.port?.name ?? '';
  const number = service.port?.number ?? 0;
  if (name !== '' && number !== 0) errors.push(invalid(field, '', 'cannot set both port name & port number'));
  else if (name !== '') {
    for (const problem of portNameProblems(name))
      errors.push(invalid(`${field}.service.port.name`, name, problem));
  } else if (number !== 0) {
    for (const problem of portNumberProblems(number))
      errors.push(invalid(`${field}.service.port.number`, number, problem));
  } else errors.push(required(field, 'port name or number is required'));
  return errors;
}

function validateClassAnnotation({ metadata, spec }: Ingress): FieldError[] {
  const [annotated, named] = [metadata.annotations?.[classAnnotation], spec?.ingressClassName];
  if (annotated === undefined || named === undefined || annotated === named) return [];
  const detail = 'must match `ingressClassName` when both are specified';
  return [invalid(`annotations.${classAnnotation}`, annotated, detail)];
}

function validateBalancers({ loadBalancer }: IngressStatus): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, { ip = '', hostname = '' }] of (loadBalancer?.ingress ?? []).entries()) {
    const path = `status.loadBalancer.ingress[${index}]`;
    if (ip !== '' && isIP(ip) === 0) errors.push(invalid(`${path}.ip`, ip, ipText));
    if (hostname === '') continue;
    for (const problem of dnsSubdomainProblems(hostname))
      errors.push(invalid(`${path}.hostname`, hostname, problem));
    if (isIP(hostname) !== 0)
      errors.push(invalid(`${path}.hostname`, hostname, 'must be a DNS name, not an IP address'));
  }
  return errors;
}

export const ingressRules: KindRules<Ingress> = {
  type: ingresses,
  countsGeneration: true,
  validate: (ingress, _context, current) => validateIngress(ingress, current),
  validateCreate: validateClassAnnotation,
  validateStatus: ({ status }) => validateBalancers(status ?? {}),
  warnings: ({ metadata, spec }, previous) =>
    previous !== undefined ||
    metadata.annotations?.[classAnnotation] === undefined ||
    spec?.ingressClassName !== undefined
      ? []
      : [
          `annotation ${JSON.stringify(classAnnotation)} is deprecated, please use 'spec.ingressClassName' instead`,
        ],
  columns: [
    nameColumn,
    column(
      'Class',
      'The name of the IngressClass resource that should be used for additional configuration',
      ({ spec }) => spec?.ingressClassName ?? '<none>',
    ),
    column(
      'Hosts',
      'Hosts that incoming requests are matched against before the ingress rule',
      ({ spec }) => {
        const hosts = (spec?.rules ?? []).map(({ host }) => host ?? '').filter((host) => host !== '');
        return hosts.length === 0
          ? '*'
          : hosts.slice(0, 3).join(',') + (hosts.length > 3 ? ` + ${hosts.length - 3} more...` : '');
      },
    ),
    column('Address', 'Address is a list containing ingress points for the load-balancer', ({ status }) =>
      (status?.loadBalancer?.ingress ?? []).map(({ ip, hostname }) => ip ?? hostname ?? '').join(','),
    ),
    column('Ports', 'Ports of TLS configurations that open', ({ spec }) =>
      (spec?.tls ?? []).length > 0 ? '80, 443' : '80',
    ),
    ageColumn,
  ],
};
