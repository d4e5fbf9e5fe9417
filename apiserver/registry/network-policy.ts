import type {
  NetworkPolicy,
  NetworkPolicyPeer,
  NetworkPolicyPort,
  NetworkPolicySpec,
} from '../../api/generated/networking-v1.ts';
import { networkpolicies } from '../../api/generated/resources.ts';
import { ageColumn, column, formatSelector, nameColumn } from './columns.ts';
import { forbidden, invalid, required, unsupported } from './field-error.ts';
import { cidrText, isCidr, isStrictSubnet } from './ip-ranges.ts';
import type { KindRules } from './kind-rules.ts';
import { isWrongSelector, validateLabelSelector } from './label-selector.ts';
import { portNumberProblems } from './names.ts';
import { validatePortNumberOrName } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

function setPolicyDefaults({ spec }: NetworkPolicy): void {
  if (spec === undefined) return;
  for (const rule of [...(spec.ingress ?? []), ...(spec.egress ?? [])])
    for (const port of rule.ports ?? []) port.protocol ??= 'TCP';
  if ((spec.policyTypes ?? []).length > 0) return;
  spec.policyTypes = (spec.egress ?? []).length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
}

function validatePolicy(spec: NetworkPolicySpec, keepsValues: boolean): FieldError[] {
  const errors = validateLabelSelector(spec.podSelector, 'spec.podSelector', { keepsValues });
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
      for (const [at, peer] of list.entries())
        errors.push(...validatePeer(peer, `${path}.${peers}[${at}]`, keepsValues));
    }
  const types = spec.policyTypes ?? [];
  if (types.length > 2)
    return [...errors, invalid('spec.policyTypes', types, 'may not specify more than two policyTypes')];
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
  const endField = `${field}.endPort`;
  if (port === undefined)
    return endPort === undefined
      ? errors
      : [...errors, invalid(endField, endPort, 'may not be specified when `port` is not specified')];
  const problems = validatePortNumberOrName(port, `${field}.port`);
  if (endPort === undefined) return [...errors, ...problems];
  if (typeof port === 'string') {
    const detail = 'may not be specified when `port` is non-numeric';
    return [...errors, invalid(endField, endPort, detail), ...problems];
  }
  if (endPort < port) problems.push(invalid(endField, port, 'must be greater than or equal to `port`'));
  for (const problem of portNumberProblems(endPort)) problems.push(invalid(endField, endPort, problem));
  return [...errors, ...problems];
}

function validatePeer(peer: NetworkPolicyPeer, field: string, keepsValues: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const { podSelector, namespaceSelector, ipBlock } = peer;
  if (podSelector !== undefined)
    errors.push(...validateLabelSelector(podSelector, `${field}.podSelector`, { keepsValues }));
  if (namespaceSelector !== undefined)
    errors.push(...validateLabelSelector(namespaceSelector, `${field}.namespaceSelector`, { keepsValues }));
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
  validate: ({ spec }, _context, current) =>
    spec === undefined ? [] : validatePolicy(spec, isWrongSelector(current?.spec?.podSelector)),
  columns: [
    nameColumn,
    column('Pod-Selector', 'The pods that the policy is for.', ({ spec }) =>
      formatSelector(spec?.podSelector),
    ),
    ageColumn,
  ],
};
