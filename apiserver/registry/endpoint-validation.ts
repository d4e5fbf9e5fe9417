import { isIP } from 'node:net';
import { isDeepStrictEqual } from 'node:util';
import type { EndpointAddress, EndpointPort, Endpoints } from '../../api/generated/core-v1.ts';
import type {
  Endpoint,
  EndpointHints,
  EndpointSlice,
  EndpointPort as SlicePort,
} from '../../api/generated/discovery-v1.ts';
import { duplicate, invalid, oneOf, required, tooMany } from './field-error.ts';
import { validateNonSpecialIp } from './ip-ranges.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  labelValueProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from './names.ts';
import { validateLabels } from './object-meta.ts';
import { ipText } from './pod-spec-validation.ts';
import type { FieldError } from './strategy.ts';

const maxEndpoints = 1000;
const maxPorts = 20_000;
const maxAddresses = 100;
const maxTopologyLabels = 16;
const maxHints = 8;
const addressTypes = ['FQDN', 'IPv4', 'IPv6'];
const protocols = ['SCTP', 'TCP', 'UDP'];

/** Endpoints that are as they were are not looked at again: most writes change a label, or nothing. */
export function validateSlice(slice: EndpointSlice, current: EndpointSlice | undefined): FieldError[] {
  const { addressType = '', endpoints, ports } = slice;
  const errors =
    addressType === '' ? [required('addressType')] : oneOf('addressType', addressType, addressTypes);
  const items = isDeepStrictEqual(endpoints, current?.endpoints) ? [] : (endpoints ?? []);
  if (items.length > maxEndpoints) errors.push(tooMany('endpoints', items.length, maxEndpoints));
  else
    for (const [index, endpoint] of items.entries())
      errors.push(...validateEndpoint(endpoint, addressType, `endpoints[${index}]`));
  return [...errors, ...validateSlicePorts(ports ?? [])];
}

function validateEndpoint(endpoint: Endpoint, addressType: string, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const addresses = endpoint.addresses ?? [];
  if (addresses.length === 0) errors.push(required(`${path}.addresses`, 'must contain at least 1 address'));
  else if (addresses.length > maxAddresses)
    errors.push(tooMany(`${path}.addresses`, addresses.length, maxAddresses));
  for (const [at, address] of addresses.entries())
    errors.push(...validateAddress(addressType, address, `${path}.addresses[${at}]`));
  if (endpoint.nodeName !== undefined)
    for (const problem of dnsSubdomainProblems(endpoint.nodeName))
      errors.push(invalid(`${path}.nodeName`, endpoint.nodeName, problem));
  const topology = endpoint.deprecatedTopology ?? {};
  const labels = Object.keys(topology).length;
  if (labels > maxTopologyLabels)
    errors.push(tooMany(`${path}.deprecatedTopology`, labels, maxTopologyLabels));
  if (labels > 0) errors.push(...validateLabels(topology, `${path}.deprecatedTopology`));
  if (endpoint.hostname !== undefined)
    for (const problem of dnsLabelProblems(endpoint.hostname))
      errors.push(invalid(`${path}.hostname`, endpoint.hostname, problem));
  return [...errors, ...validateHints(endpoint.hints ?? {}, `${path}.hints`)];
}

/** Of a type that is none, the address is not looked at. */
function validateAddress(type: string, address: string, field: string): FieldError[] {
  if (type === 'FQDN') return validateFullName(address, field);
  if (type !== 'IPv4' && type !== 'IPv6') return [];
  const family = isIP(address);
  if (family === 0) return [invalid(field, address, ipText)];
  const errors = `IPv${family}` === type ? [] : [invalid(field, address, `must be an ${type} address`)];
  return [...errors, ...validateNonSpecialIp(address, field)];
}

function validateFullName(address: string, field: string): FieldError[] {
  if (address === '') return [required(field)];
  const name = address.endsWith('.') ? address.slice(0, -1) : address;
  const problems = dnsSubdomainProblems(name);
  if (problems.length > 0) return [invalid(field, name, problems.join(','))];
  const labels = name.split('.');
  if (labels.length < 2)
    return [invalid(field, name, 'should be a domain with at least two segments separated by dots')];
  return labels.flatMap((label) => {
    const wrong = dnsLabelProblems(label);
    return wrong.length === 0 ? [] : [invalid(field, label, wrong.join(','))];
  });
}

function validateHints(hints: EndpointHints, field: string): FieldError[] {
  return (['forZones', 'forNodes'] as const).flatMap((list) => {
    const names = (hints[list] ?? []).map(({ name }) => name);
    if (names.length > maxHints) return [tooMany(`${field}.${list}`, names.length, maxHints)];
    return names.flatMap((name, index) => {
      const path = `${field}.${list}[${index}].name`;
      const problems = list === 'forZones' ? labelValueProblems(name) : dnsSubdomainProblems(name);
      return [
        ...(names.indexOf(name) < index ? [duplicate(path, name)] : []),
        ...problems.map((problem) => invalid(path, name, problem)),
      ];
    });
  });
}

/** A number that is no port is refused as well, which Kubernetes leaves to the proxies. */
function validateSlicePorts(ports: readonly SlicePort[]): FieldError[] {
  const errors: FieldError[] = [];
  if (ports.length > maxPorts) return [tooMany('ports', ports.length, maxPorts)];
  const names = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const path = `ports[${index}]`;
    const name = port.name ?? '';
    if (name !== '')
      for (const problem of dnsLabelProblems(name)) errors.push(invalid(`${path}.name`, name, problem));
    if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    names.add(name);
    if (port.protocol === undefined) errors.push(required(`${path}.protocol`));
    else errors.push(...oneOf(`${path}.protocol`, port.protocol, protocols));
    if (port.port !== undefined)
      for (const problem of portNumberProblems(port.port))
        errors.push(invalid(`${path}.port`, port.port, problem));
    errors.push(...validateProtocolName(port.appProtocol, `${path}.appProtocol`));
  }
  return errors;
}

const validateProtocolName = (name: string | undefined, field: string): FieldError[] =>
  name === undefined ? [] : qualifiedNameProblems(name).map((problem) => invalid(field, name, problem));

/** Subsets that are as they were are not looked at again. */
export function validateEndpoints({ subsets }: Endpoints, current: Endpoints | undefined): FieldError[] {
  if (current !== undefined && isDeepStrictEqual(subsets, current.subsets)) return [];
  return (subsets ?? []).flatMap((subset, index) => {
    const path = `subsets[${index}]`;
    const { addresses = [], notReadyAddresses = [], ports = [] } = subset;
    return [
      ...(addresses.length + notReadyAddresses.length === 0
        ? [required(path, 'must specify `addresses` or `notReadyAddresses`')]
        : []),
      ...addresses.flatMap((address, at) => validateEndpointAddress(address, `${path}.addresses[${at}]`)),
      ...notReadyAddresses.flatMap((address, at) =>
        validateEndpointAddress(address, `${path}.notReadyAddresses[${at}]`),
      ),
      ...ports.flatMap((port, at) => validatePort(port, ports.length > 1, `${path}.ports[${at}]`)),
    ];
  });
}

function validatePort(port: EndpointPort, needsName: boolean, path: string): FieldError[] {
  const { name = '', protocol = '' } = port;
  const errors: FieldError[] = name === '' && needsName ? [required(`${path}.name`)] : [];
  for (const problem of name === '' ? [] : dnsLabelProblems(name))
    errors.push(invalid(`${path}.name`, name, problem));
  for (const problem of portNumberProblems(port.port))
    errors.push(invalid(`${path}.port`, port.port, problem));
  if (protocol === '') errors.push(required(`${path}.protocol`));
  else errors.push(...oneOf(`${path}.protocol`, protocol, protocols));
  return [...errors, ...validateProtocolName(port.appProtocol, `${path}.appProtocol`)];
}

function validateEndpointAddress(
  { ip, hostname = '', nodeName }: EndpointAddress,
  path: string,
): FieldError[] {
  const isIp = isIP(ip) !== 0;
  const errors: FieldError[] = isIp ? [] : [invalid(`${path}.ip`, ip, ipText)];
  for (const problem of hostname === '' ? [] : dnsLabelProblems(hostname))
    errors.push(invalid(`${path}.hostname`, hostname, problem));
  for (const problem of nodeName === undefined ? [] : dnsSubdomainProblems(nodeName))
    errors.push(invalid(`${path}.nodeName`, nodeName, problem));
  return [
    ...errors,
    ...(isIp
      ? validateNonSpecialIp(ip, `${path}.ip`)
      : [invalid(`${path}.ip`, ip, 'must be a valid IP address')]),
  ];
}
