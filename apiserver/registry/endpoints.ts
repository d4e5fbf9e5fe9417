import { isIP } from 'node:net';
import type { EndpointAddress, Endpoints } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpoints, endpointslices } from '../../api/generated/resources.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { duplicate, invalid, oneOf, required, tooMany } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { dnsLabelProblems, dnsSubdomainProblems, portNumberProblems } from './names.ts';
import { ipText } from './pod-spec-validation.ts';
import type { FieldError } from './strategy.ts';

const maxEndpoints = 1000;
const maxPorts = 100;
const maxAddresses = 100;
const shownItems = 3;

function validateSlice(slice: EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  const types = ['FQDN', 'IPv4', 'IPv6'];
  if ((slice.addressType ?? '') === '') errors.push(required('addressType'));
  else errors.push(...oneOf('addressType', slice.addressType, types));
  const items = slice.endpoints ?? [];
  if (items.length > maxEndpoints) return [...errors, tooMany('endpoints', items.length, maxEndpoints)];
  for (const [index, endpoint] of items.entries()) {
    const path = `endpoints[${index}]`;
    const addresses = endpoint.addresses ?? [];
    if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
    else if (addresses.length > maxAddresses)
      errors.push(tooMany(`${path}.addresses`, addresses.length, maxAddresses));
    for (const [at, address] of addresses.entries())
      errors.push(...validateAddress(slice.addressType, address, `${path}.addresses[${at}]`));
    if (endpoint.hostname !== undefined)
      for (const problem of dnsLabelProblems(endpoint.hostname))
        errors.push(invalid(`${path}.hostname`, endpoint.hostname, problem));
    if (endpoint.nodeName !== undefined)
      for (const problem of dnsSubdomainProblems(endpoint.nodeName))
        errors.push(invalid(`${path}.nodeName`, endpoint.nodeName, problem));
  }
  return [...errors, ...validateSlicePorts(slice)];
}

function validateAddress(type: string, address: string, field: string): FieldError[] {
  const family = isIP(address);
  switch (type) {
    case 'IPv4':
      return family === 4 ? [] : [invalid(field, address, family === 0 ? ipText : 'must be an IPv4 address')];
    case 'IPv6':
      return family === 6 ? [] : [invalid(field, address, family === 0 ? ipText : 'must be an IPv6 address')];
    default:
      return dnsSubdomainProblems(address).map((problem) => invalid(field, address, problem));
  }
}

function validateSlicePorts(slice: EndpointSlice): FieldError[] {
  const errors: FieldError[] = [];
  const ports = slice.ports ?? [];
  if (ports.length > maxPorts) return [tooMany('ports', ports.length, maxPorts)];
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `ports[${index}]`;
    const name = port.name ?? '';
    if (name !== '')
      for (const problem of dnsLabelProblems(name)) errors.push(invalid(`${path}.name`, name, problem));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
    if ((port.protocol ?? '') === '') errors.push(required(`${path}.protocol`));
    else errors.push(...oneOf(`${path}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
    if (port.port !== undefined)
      for (const problem of portNumberProblems(port.port))
        errors.push(invalid(`${path}.port`, port.port, problem));
  }
  return errors;
}

/** `a,b,c + 2 more...` */
function shorten(items: readonly string[], none: string): string {
  if (items.length === 0) return none;
  const more = items.length > shownItems ? ` + ${items.length - shownItems} more...` : '';
  return items.slice(0, shownItems).join(',') + more;
}

export const endpointSliceRules: KindRules<EndpointSlice> = {
  type: endpointslices,
  countsGeneration: true,
  setDefaults(slice) {
    for (const port of slice.ports ?? []) {
      port.name ??= '';
      port.protocol ??= 'TCP';
    }
  },
  validate: validateSlice,
  validateUpdate: (next, current) =>
    next.addressType === current.addressType
      ? []
      : [invalid('addressType', next.addressType, 'field is immutable')],
  columns: [
    nameColumn,
    column('AddressType', 'What kind of addresses the endpoints have.', ({ addressType }) => addressType),
    column('Ports', 'Ports of the endpoints.', ({ ports }) =>
      shorten(
        (ports ?? []).map(({ port, name }) =>
          String(port ?? (name === undefined || name === '' ? '*' : name)),
        ),
        '<unset>',
      ),
    ),
    column('Endpoints', 'Addresses of the endpoints.', (slice) =>
      shorten(
        (slice.endpoints ?? []).flatMap(({ addresses }) => addresses ?? []),
        '<unset>',
      ),
    ),
    ageColumn,
  ],
};

function validateEndpoints({ subsets }: Endpoints): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, subset] of (subsets ?? []).entries()) {
    const path = `subsets[${index}]`;
    const all = [...(subset.addresses ?? []), ...(subset.notReadyAddresses ?? [])];
    if (all.length === 0) errors.push(required(path, 'must specify `addresses` or `notReadyAddresses`'));
    for (const list of ['addresses', 'notReadyAddresses'] as const)
      for (const [at, address] of (subset[list] ?? []).entries())
        errors.push(...validateEndpointAddress(address, `${path}.${list}[${at}]`));
    for (const [at, port] of (subset.ports ?? []).entries()) {
      const portPath = `${path}.ports[${at}]`;
      if ((subset.ports ?? []).length > 1 && (port.name ?? '') === '')
        errors.push(required(`${portPath}.name`));
      for (const problem of (port.name ?? '') === '' ? [] : dnsLabelProblems(port.name ?? ''))
        errors.push(invalid(`${portPath}.name`, port.name, problem));
      for (const problem of portNumberProblems(port.port))
        errors.push(invalid(`${portPath}.port`, port.port, problem));
      errors.push(...oneOf(`${portPath}.protocol`, port.protocol, ['SCTP', 'TCP', 'UDP']));
    }
  }
  return errors;
}

function validateEndpointAddress(
  { ip, hostname = '', nodeName }: EndpointAddress,
  path: string,
): FieldError[] {
  const errors: FieldError[] = isIP(ip) === 0 ? [invalid(`${path}.ip`, ip, ipText)] : [];
  for (const problem of hostname === '' ? [] : dnsLabelProblems(hostname))
    errors.push(invalid(`${path}.hostname`, hostname, problem));
  for (const problem of nodeName === undefined ? [] : dnsSubdomainProblems(nodeName))
    errors.push(invalid(`${path}.nodeName`, nodeName, problem));
  return errors;
}

export const endpointsRules: KindRules<Endpoints> = {
  type: endpoints,
  allowCreateOnUpdate: true,
  setDefaults({ subsets }) {
    for (const subset of subsets ?? []) for (const port of subset.ports ?? []) port.protocol ??= 'TCP';
  },
  validate: validateEndpoints,
  deprecation: 'v1 Endpoints is deprecated in v1.33+; use discovery.k8s.io/v1 EndpointSlice',
  columns: [
    nameColumn,
    column('Endpoints', 'Addresses and ports.', ({ subsets }) =>
      shorten(
        (subsets ?? []).flatMap(({ addresses, ports }) =>
          (addresses ?? []).flatMap(({ ip }) =>
            (ports ?? []).length === 0 ? [ip] : (ports ?? []).map(({ port }) => `${ip}:${port}`),
          ),
        ),
        '<none>',
      ),
    ),
    ageColumn,
  ],
};
