/** Addresses of services: the ranges that they come from, and who holds one. */
import { isDeepStrictEqual } from 'node:util';
import type { IPAddress, ParentReference, ServiceCIDR } from '../../api/generated/networking-v1.ts';
import { ipaddresses, servicecidrs } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { invalid, required } from './field-error.ts';
import { cidrFamily, strictCidrProblems, strictIpProblems } from './ip-ranges.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsSubdomainProblems, pathSegmentName } from './names.ts';
import type { FieldError } from './strategy.ts';

function parentOf({ spec }: IPAddress): string {
  const parent = spec?.parentRef;
  if (parent === undefined) return '<none>';
  const { group = '', resource = '', namespace = '', name = '' } = parent;
  const kind = group === '' ? resource : `${resource}.${group}`;
  return [kind.toLowerCase(), ...(namespace === '' ? [] : [namespace]), name].join('/');
}

const parentField = 'spec.parentRef';

function validateParent(parent: ParentReference | undefined): FieldError[] {
  if (parent === undefined) return [required(parentField)];
  const { group = '', resource = '', name = '', namespace = '' } = parent;
  const errors = (group === '' ? [] : dnsSubdomainProblems(group)).map((problem) =>
    invalid(`${parentField}.group`, group, problem),
  );
  for (const [key, value, isNeeded] of [
    ['resource', resource, true],
    ['name', name, true],
    ['namespace', namespace, false],
  ] as const) {
    if (value === '' && isNeeded) errors.push(required(`${parentField}.${key}`));
    for (const problem of value === '' ? [] : pathSegmentName(value, false))
      errors.push(invalid(`${parentField}.${key}`, value, problem));
  }
  return errors;
}

/** By the names of the program, as messages show it. */
const shownParent = ({ group = '', resource = '', namespace = '', name = '' }: ParentReference): object => ({
  Group: group,
  Resource: resource,
  Namespace: namespace,
  Name: name,
});

export const ipAddressRules: KindRules<IPAddress> = {
  type: ipaddresses,
  nameRule: strictIpProblems,
  validateCreate: ({ spec }) => validateParent(spec?.parentRef),
  validateUpdate({ spec }, current) {
    const parent = spec?.parentRef;
    if (isDeepStrictEqual(parent, current.spec?.parentRef)) return [];
    const shown = parent === undefined ? undefined : shownParent(parent);
    return [invalid(parentField, shown, 'field is immutable')];
  },
  columns: [nameColumn, column('ParentRef', 'The object that holds the address.', parentOf), ageColumn],
};

const cidrField = 'spec.cidrs';

function validateRanges({ spec }: ServiceCIDR): FieldError[] {
  const cidrs = spec?.cidrs ?? [];
  const [first = '', second] = cidrs;
  const shown = { CIDRs: cidrs };
  if (cidrs.length === 0) return [required(cidrField, 'at least one CIDR required')];
  if (cidrs.length > 2) return [invalid(cidrField, shown, 'may only hold up to 2 values')];
  const families = [cidrFamily(first), cidrFamily(second ?? '')];
  if (second !== undefined && (families.includes(undefined) || families[0] === families[1])) {
    const detail = 'may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64';
    return [invalid(cidrField, shown, detail)];
  }
  return cidrs.flatMap((cidr, index) =>
    strictCidrProblems(cidr).map((problem) => invalid(`${cidrField}[${index}]`, cidr, problem)),
  );
}

export const serviceCidrRules: KindRules<ServiceCIDR> = {
  type: servicecidrs,
  validateCreate: validateRanges,
  validateUpdate: ({ spec }, current) =>
    isDeepStrictEqual(spec?.cidrs, current.spec?.cidrs)
      ? []
      : [invalid(cidrField, spec?.cidrs, 'field is immutable')],
  columns: [
    nameColumn,
    column('CIDRs', 'Ranges of addresses for services.', ({ spec }) => (spec?.cidrs ?? []).join(',')),
    ageColumn,
  ],
};
