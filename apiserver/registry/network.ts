import { isIP } from 'node:net';
import type {
  Ingress,
  IngressBackend,
  IngressClass,
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '../../api/generated/networking-v1.ts';
import { ingressclasses, ingresses, networkpolicies } from '../../api/generated/resources.ts';
import { ageColumn, column, formatSelector, nameColumn } from './columns.ts';
import { forbidden, invalid, required, unsupported, unsupportedSorted } from './field-error.ts';
import { cidrText, isCidr, isStrictSubnet } from './ip-ranges.ts';
import type { KindRules } from './kind-rules.ts';
import { validateLabelSelector } from './label-selector.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  portNameProblems,
  portNumberProblems,
  wildcardSubdomainProblems,
} from './names.ts';
import { validatePortNumberOrName } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

const pathTypes = ['Exact', 'Prefix', 'ImplementationSpecific'];

function validateIngress({ spec = {} }: Ingress): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.rules ?? []).length === 0 && spec.defaultBackend === undefined)
    errors.push(invalid('spec', '', 'either `defaultBackend` or `rules` must be specified'));
  if (spec.defaultBackend !== undefined)
    errors.push(...validateBackend(spec.defaultBackend, 'spec.defaultBackend'));
  for (const [index, rule] of (spec.rules ?? []).entries()) {
    const path = `spec.rules[${index}]`;
    errors.push(...validateHost(rule.host ?? '', `${path}.host`));
    if (rule.http !== undefined && (rule.http.paths ?? []).length === 0)
      errors.push(required(`${path}.http.paths`));
    for (const [at, httpPath] of (rule.http?.paths ?? []).entries())
      errors.push(...validateHttpPath(httpPath, `${path}.http.paths[${at}]`));
  }
  for (const [index, tls] of (spec.tls ?? []).entries())
    for (const [at, host] of (tls.hosts ?? []).entries()) {
      const problems = host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host);
      for (const problem of problems) errors.push(invalid(`spec.tls[${index}].hosts[${at}]`, host, problem));
    }
  if (spec.ingressClassName !== undefined)
    for (const problem of dnsSubdomainProblems(spec.ingressClassName))
      errors.push(invalid('spec.ingressClassName', spec.ingressClassName, problem));
  return errors;
}

function validateHost(host: string, field: string): FieldError[] {
  if (host === '') return [];
  if (isIP(host) !== 0) return [invalid(field, host, 'must be a DNS name, not an IP address')];
  const problems = host.includes('*') ? wildcardSubdomainProblems(host) : dnsSubdomainProblems(host);
  return problems.map((problem) => invalid(field, host, problem));
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
  if (resource !== undefined) return resource.name === '' ? [required(`${field}.resource.name`)] : [];
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

export const ingressRules: KindRules<Ingress> = {
  type: ingresses,
  countsGeneration: true,
  validate: validateIngress,
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

export const ingressClassRules: KindRules<IngressClass> = {
  type: ingressclasses,
  countsGeneration: true,
  setDefaults({ spec }) {
    if (spec?.parameters !== undefined) spec.parameters.scope ??= 'Cluster';
  },
  validate({ spec }) {
    const controller = spec?.controller ?? '';
    if (controller === '') return [required('spec.controller')];
    if (controller.length > 250)
      return [invalid('spec.controller', controller, 'must be no more than 250 characters')];
    return /^[^/]+\/.+$/.test(controller)
      ? []
      : [invalid('spec.controller', controller, 'must be a domain-prefixed path (such as "acme.io/foo")')];
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

function setPolicyDefaults({ spec }: NetworkPolicy): void {
  if (spec === undefined) return;
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function validatePolicy(spec: NetworkPolicySpec): FieldError[] {
  const errors = validateLabelSelector(spec.podSelector, 'spec.podSelector');
  for (const [direction, peers] of [
    ['ingress', 'from'],
    ['egress', 'to'],
  ] as const)
    for (const [index, rule] of (spec[direction] ?? []).entries()) {
      const path = `spec.${direction}[${index}]`;
      for (const [at, port] of (rule.ports ?? []).entries())
        errors.push(...validatePolicyPort(port, `${path}.ports[${at}]`));
      const list: readonly NetworkPolicyPeer[] =
        'from' in rule ? (rule.from ?? []) : 'to' in rule ? (rule.to ?? []) : [];
      for (const [at, peer] of list.entries()) errors.push(...validatePeer(peer, `${path}.${peers}[${at}]`));
    }
  const types = spec.policyTypes ?? [];
  if (types.length > 2)
    errors.push(invalid('spec.policyTypes', types, 'may not specify more than two policyTypes'));
  for (const [index, type] of types.entries())
    if (type !== 'Ingress' && type !== 'Egress')
      errors.push(unsupported(`spec.policyTypes[${index}]`, type, ['Ingress', 'Egress']));
  return errors;
}

function validatePolicyPort({ protocol, port, endPort }: NetworkPolicyPort, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const protocols = ['TCP', 'UDP', 'SCTP'];
  if (protocol !== undefined && !protocols.includes(protocol))
    errors.push(unsupported(`${field}.protocol`, protocol, protocols));
  if (port === undefined) {
    if (endPort !== undefined)
      errors.push(required(`${field}.port`, 'must be specified when `endPort` is specified'));
    return errors;
  }
  errors.push(...validatePortNumberOrName(port, `${field}.port`));
  if (endPort === undefined) return errors;
  if (typeof port === 'string')
    errors.push(invalid(`${field}.endPort`, endPort, 'may not be specified when `port` is non-numeric'));
  else if (endPort < port)
    errors.push(invalid(`${field}.endPort`, port, 'must be greater than or equal to `port`'));
  return errors;
}

function validatePeer(peer: NetworkPolicyPeer, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (podSelector !== undefined) errors.push(...validateLabelSelector(podSelector, `${field}.podSelector`));
  if (namespaceSelector !== undefined)
    errors.push(...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`));
  if (ipBlock !== undefined) {
    const path = `${field}.ipBlock`;
    if (ipBlock.cidr === '') errors.push(required(`${path}.cidr`));
    else if (!isCidr(ipBlock.cidr)) errors.push(invalid(`${path}.cidr`, ipBlock.cidr, cidrText));
    else
      for (const [index, except] of (ipBlock.except ?? []).entries())
        if (!isCidr(except)) errors.push(invalid(`${path}.except[${index}]`, except, cidrText));
        else if (!isStrictSubnet(except, ipBlock.cidr))
          errors.push(invalid(`${path}.except[${index}]`, except, 'must be a strict subset of `cidr`'));
    if (podSelector !== undefined || namespaceSelector !== undefined)
      errors.push(forbidden(field, 'may not specify both ipBlock and another peer'));
  }
  if (podSelector === undefined && namespaceSelector === undefined && ipBlock === undefined)
    errors.push(required(field, 'must specify a peer'));
  return errors;
}

export const networkPolicyRules: KindRules<NetworkPolicy> = {
  type: networkpolicies,
  countsGeneration: true,
  setDefaults: setPolicyDefaults,
  validate: ({ spec }) => (spec === undefined ? [] : validatePolicy(spec)),
  columns: [
    nameColumn,
    column('Pod-Selector', 'The pods that the policy is for.', ({ spec }) =>
      formatSelector(spec?.podSelector),
    ),
    ageColumn,
  ],
};
