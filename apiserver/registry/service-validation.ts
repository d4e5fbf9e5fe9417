import { isIP } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '../../api/generated/core-v1.ts';
import { duplicate, forbidden, invalid, oneOf, required, unsupportedSorted } from './field-error.ts';
import { dnsLabelProblems, dnsSubdomainProblems, portNumberProblems } from './names.ts';
import { validateLabels } from './object-meta.ts';
import { ipText } from './pod-spec-validation.ts';
import { validatePortNumberOrName } from './probe-validation.ts';
import { isHeadless, needsClusterIp } from './service-defaults.ts';
import type { FieldError } from './strategy.ts';

const protocols = ['SCTP', 'TCP', 'UDP'];
const types = ['ClusterIP', 'ExternalName', 'LoadBalancer', 'NodePort'];
const maxClientIpSeconds = 86_400;

export function validateService({ spec }: Service): FieldError[] {
  return [
    ...validatePortsGiven(spec),
    ...validateType(spec),
    ...validatePorts(spec),
    ...validateLabels(spec.selector, 'spec.selector'),
    ...validateAffinity(spec),
    ...validateClusterIps(spec),
    ...validateExternalIps(spec),
    ...oneOf('spec.type', spec.type, types),
    ...validateNodePorts(spec),
    ...validateUniquePorts(spec),
    ...validatePolicies(spec),
  ];
}

function validatePortsGiven(spec: ServiceSpec): FieldError[] {
  const none = (spec.ports ?? []).length === 0;
  return none && !isHeadless(spec) && spec.type !== 'ExternalName' ? [required('spec.ports')] : [];
}

function validateType(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if ((spec.type === 'LoadBalancer' || spec.type === 'NodePort') && isHeadless(spec))
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${spec.type} services`));
  if (spec.type !== 'ExternalName') return errors;
  if ((spec.clusterIPs ?? []).length > 0 || (spec.clusterIP ?? '') !== '')
    errors.push(forbidden('spec.clusterIPs', 'may not be set for ExternalName services'));
  const name = (spec.externalName ?? '').replace(/\.$/, '');
  if (name === '') errors.push(required('spec.externalName'));
  else
    for (const problem of dnsSubdomainProblems(name))
      errors.push(invalid('spec.externalName', name, problem));
  return errors;
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  const names = new Set<string>();
  return ports.flatMap((port, index) =>
    validatePort(port, `spec.ports[${index}]`, { names, needsName: ports.length > 1 }),
  );
}

function validatePort(
  port: ServicePort,
  path: string,
  rules: { readonly names: Set<string>; readonly needsName: boolean },
): FieldError[] {
  const errors: FieldError[] = [];
  const name = port.name ?? '';
  if (name === '') {
    if (rules.needsName) errors.push(required(`${path}.name`));
  } else {
    for (const problem of dnsLabelProblems(name)) errors.push(invalid(`${path}.name`, name, problem));
    if (rules.names.has(name)) errors.push(duplicate(`${path}.name`, name));
    rules.names.add(name);
  }
  for (const problem of portNumberProblems(port.port))
    errors.push(invalid(`${path}.port`, port.port, problem));
  if (!protocols.includes(port.protocol ?? ''))
    errors.push(unsupportedSorted(`${path}.protocol`, port.protocol ?? '', protocols));
  errors.push(...validatePortNumberOrName(port.targetPort ?? 0, `${path}.targetPort`));
  return errors;
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  const errors = oneOf('spec.sessionAffinity', spec.sessionAffinity, ['ClientIP', 'None']);
  const config = spec.sessionAffinityConfig;
  if (spec.sessionAffinity === 'None' && config !== undefined)
    errors.push(forbidden('spec.sessionAffinityConfig', 'must not be set when session affinity is None'));
  const seconds = config?.clientIP?.timeoutSeconds;
  if (
    spec.sessionAffinity === 'ClientIP' &&
    seconds !== undefined &&
    (seconds <= 0 || seconds > maxClientIpSeconds)
  )
    errors.push(
      invalid(
        'spec.sessionAffinityConfig.clientIP.timeoutSeconds',
        seconds,
        `must be greater than 0 and less than ${maxClientIpSeconds}`,
      ),
    );
  return errors;
}

function validateClusterIps(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  if (!needsClusterIp(spec)) return errors;
  const ips = spec.clusterIPs ?? [];
  if ((spec.clusterIP ?? '') !== '' && ips.length > 0 && ips[0] !== spec.clusterIP)
    errors.push(invalid('spec.clusterIPs', ips, 'first value must match `clusterIP`'));
  for (const [index, ip] of ips.entries()) {
    if (ip === 'None' && index === 0) {
      if (ips.length > 1)
        errors.push(invalid('spec.clusterIPs', ips, "'None' must be the first and only value"));
      continue;
    }
    if (isIP(ip) === 0) errors.push(invalid(`spec.clusterIPs[${index}]`, ip, ipText));
  }
  for (const [index, family] of (spec.ipFamilies ?? []).entries())
    errors.push(...oneOf(`spec.ipFamilies[${index}]`, family, ['IPv4', 'IPv6']));
  if (spec.ipFamilyPolicy !== undefined)
    errors.push(
      ...oneOf('spec.ipFamilyPolicy', spec.ipFamilyPolicy, [
        'SingleStack',
        'PreferDualStack',
        'RequireDualStack',
      ]),
    );
  return errors;
}

function validateExternalIps(spec: ServiceSpec): FieldError[] {
  return (spec.externalIPs ?? []).flatMap((ip, index) =>
    isIP(ip) === 0 ? [invalid(`spec.externalIPs[${index}]`, ip, ipText)] : [],
  );
}

function validateNodePorts(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  for (const [index, port] of (spec.ports ?? []).entries()) {
    const nodePort = port.nodePort ?? 0;
    if (nodePort === 0) continue;
    const path = `spec.ports[${index}].nodePort`;
    if (spec.type === 'ClusterIP') errors.push(forbidden(path, "may not be used when `type` is 'ClusterIP'"));
    const key = `${port.protocol}/${nodePort}`;
    if (taken.has(key)) errors.push(duplicate(path, nodePort));
    taken.add(key);
  }
  return errors;
}

function validateUniquePorts(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const taken = new Set<string>();
  for (const [index, { protocol = '', port }] of (spec.ports ?? []).entries()) {
    const key = `${protocol}/${port}`;
    const shown = { Name: '', Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: 0 };
    if (taken.has(key)) errors.push(duplicate(`spec.ports[${index}]`, shown));
    taken.add(key);
  }
  return errors;
}

function validatePolicies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const policies = ['Cluster', 'Local'];
  if (spec.externalTrafficPolicy !== undefined)
    errors.push(...oneOf('spec.externalTrafficPolicy', spec.externalTrafficPolicy, policies));
  if (spec.internalTrafficPolicy !== undefined)
    errors.push(...oneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, policies));
  if (spec.allocateLoadBalancerNodePorts !== undefined && spec.type !== 'LoadBalancer')
    errors.push(
      forbidden('spec.allocateLoadBalancerNodePorts', "may only be used when `type` is 'LoadBalancer'"),
    );
  if (spec.loadBalancerClass !== undefined && spec.type !== 'LoadBalancer')
    errors.push(forbidden('spec.loadBalancerClass', "may only be used when `type` is 'LoadBalancer'"));
  return errors;
}

export function validateServiceUpdate(next: Service, current: Service): FieldError[] {
  const before = current.spec.clusterIPs ?? [];
  const after = next.spec.clusterIPs ?? [];
  if (!needsClusterIp(current.spec) || !needsClusterIp(next.spec)) return [];
  return before.length > 0 && before[0] !== after[0]
    ? [invalid('spec.clusterIPs[0]', after, 'may not change once set')]
    : [];
}
