import { isIP } from 'node:net';
import type { Service, ServicePort, ServiceSpec } from '../../api/generated/core-v1.ts';
import {
  duplicate,
  forbidden,
  invalid,
  oneOf,
  required,
  unsupported,
  unsupportedSorted,
} from './field-error.ts';
import { cidrText, isCidr, validateNonSpecialIp } from './ip-ranges.ts';
import {
  dnsLabelProblems,
  dnsSubdomainProblems,
  portNumberProblems,
  qualifiedNameProblems,
} from './names.ts';
import { validateLabels } from './object-meta.ts';
import { ipText } from './pod-spec-validation.ts';
import { validatePortNumberOrName } from './probe-validation.ts';
import { isExternallyAccessible, isHeadless, needsClusterIp } from './service-defaults.ts';
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
    ...validateLoadBalancer(spec),
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
  if ((spec.ipFamilies ?? []).length > 0)
    errors.push(forbidden('spec.ipFamilies', 'may not be set for ExternalName services'));
  if (spec.ipFamilyPolicy !== undefined)
    errors.push(forbidden('spec.ipFamilyPolicy', 'may not be set for ExternalName services'));
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
  for (const problem of port.appProtocol === undefined ? [] : qualifiedNameProblems(port.appProtocol))
    errors.push(invalid(`${path}.appProtocol`, port.appProtocol, problem));
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

const families = ['IPv4', 'IPv6'];
const familyPolicies = ['PreferDualStack', 'RequireDualStack', 'SingleStack'];

function validateClusterIps(spec: ServiceSpec): FieldError[] {
  if (!needsClusterIp(spec)) return [];
  const errors: FieldError[] = [];
  const { clusterIP = '', clusterIPs: ips = [] } = spec;
  if (clusterIP === '' && ips.length > 0)
    errors.push(invalid('spec.clusterIPs', ips, 'must be empty when `clusterIP` is not specified'));
  if (clusterIP !== '' && ips.length > 0 && ips[0] !== clusterIP)
    errors.push(invalid('spec.clusterIPs', ips, 'first value must match `clusterIP`'));
  for (const [index, family] of (spec.ipFamilies ?? []).entries()) {
    errors.push(...oneOf(`spec.ipFamilies[${index}]`, family, families));
    if ((spec.ipFamilies ?? []).indexOf(family) < index)
      errors.push(duplicate(`spec.ipFamilies[${index}]`, family));
  }
  if (spec.ipFamilyPolicy !== undefined)
    errors.push(...oneOf('spec.ipFamilyPolicy', spec.ipFamilyPolicy, familyPolicies));
  return [...errors, ...validateAddresses(ips, spec)];
}

function validateAddresses(ips: readonly string[], spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, ip] of ips.entries())
    if (index === 0 && ip === 'None') {
      if (ips.length > 1)
        errors.push(invalid('spec.clusterIPs', ips, "'None' must be the first and only value"));
    } else if (isIP(ip) === 0) errors.push(invalid(`spec.clusterIPs[${index}]`, ip, ipText));
  const areAddresses = errors.length === 0;
  if (ips.length > 2) errors.push(invalid('spec.clusterIPs', ips, 'may only hold up to 2 values'));
  if (!areAddresses) return errors;
  if (ips.length > 1 && new Set(ips.map((ip) => isIP(ip))).size < 2)
    errors.push(invalid('spec.clusterIPs', ips, 'may specify no more than one IP for each IP family'));
  if (isHeadless(spec)) return errors;
  for (const [index, ip] of ips.entries()) {
    const family = spec.ipFamilies?.[index];
    if (families.includes(family ?? '') && `IPv${isIP(ip)}` !== family)
      errors.push(
        invalid(
          `spec.clusterIPs[${index}]`,
          ip,
          `expected an ${family} value as indicated by \`ipFamilies[${index}]\``,
        ),
      );
  }
  return errors;
}

function validateExternalIps(spec: ServiceSpec): FieldError[] {
  return (spec.externalIPs ?? []).flatMap((ip, index) => {
    const field = `spec.externalIPs[${index}]`;
    return isIP(ip) === 0 ? [invalid(field, ip, ipText)] : validateNonSpecialIp(ip, field);
  });
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

const onlyLoadBalancer = "may only be used when `type` is 'LoadBalancer'";

function validateLoadBalancer(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isBalanced = spec.type === 'LoadBalancer';
  const ranges = spec.loadBalancerSourceRanges ?? [];
  const field = 'spec.LoadBalancerSourceRanges';
  if (ranges.length > 0 && !isBalanced) errors.push(forbidden(field, onlyLoadBalancer));
  for (const [index, range] of ranges.entries())
    if (!isCidr(range.trim())) errors.push(invalid(`${field}[${index}]`, range.trim(), cidrText));
  if (spec.allocateLoadBalancerNodePorts !== undefined && !isBalanced)
    errors.push(forbidden('spec.allocateLoadBalancerNodePorts', onlyLoadBalancer));
  if (spec.loadBalancerClass === undefined) return errors;
  if (!isBalanced) return [...errors, forbidden('spec.loadBalancerClass', onlyLoadBalancer)];
  for (const problem of qualifiedNameProblems(spec.loadBalancerClass))
    errors.push(invalid('spec.loadBalancerClass', spec.loadBalancerClass, problem));
  return errors;
}

const distributions = ['PreferClose', 'PreferSameZone', 'PreferSameNode'];

function validatePolicies(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const policies = ['Cluster', 'Local'];
  const external = spec.externalTrafficPolicy;
  if (!isExternallyAccessible(spec)) {
    if (external !== undefined && external !== '')
      errors.push(
        invalid('spec.externalTrafficPolicy', external, 'may only be set for externally-accessible services'),
      );
  } else if (external !== undefined) errors.push(...oneOf('spec.externalTrafficPolicy', external, policies));
  const healthPort = spec.healthCheckNodePort ?? 0;
  if (healthPort !== 0 && !(spec.type === 'LoadBalancer' && external === 'Local'))
    errors.push(
      invalid(
        'spec.healthCheckNodePort',
        healthPort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  for (const problem of healthPort === 0 ? [] : portNumberProblems(healthPort))
    errors.push(invalid('spec.healthCheckNodePort', healthPort, problem));
  if (spec.internalTrafficPolicy !== undefined)
    errors.push(...oneOf('spec.internalTrafficPolicy', spec.internalTrafficPolicy, policies));
  if (spec.trafficDistribution !== undefined && !distributions.includes(spec.trafficDistribution))
    errors.push(unsupported('spec.trafficDistribution', spec.trafficDistribution, distributions));
  return errors;
}

export function validateServiceUpdate(next: Service, current: Service): FieldError[] {
  const errors: FieldError[] = [];
  if (needsClusterIp(current.spec) && needsClusterIp(next.spec)) {
    const [before, after] = [current.spec.clusterIPs ?? [], next.spec.clusterIPs ?? []];
    if (before.length > 0 && before[0] !== after[0])
      errors.push(invalid('spec.clusterIPs[0]', after, 'may not change once set'));
    errors.push(...validateFamiliesKept(next.spec, current.spec));
  }
  const { loadBalancerClass } = next.spec;
  const bothBalanced = next.spec.type === 'LoadBalancer' && current.spec.type === 'LoadBalancer';
  if (bothBalanced && loadBalancerClass !== current.spec.loadBalancerClass)
    errors.push(invalid('spec.loadBalancerClass', loadBalancerClass ?? 'null', 'may not change once set'));
  const hadHealthPort = bothBalanced && current.spec.externalTrafficPolicy === 'Local';
  if (
    hadHealthPort &&
    next.spec.externalTrafficPolicy === 'Local' &&
    next.spec.healthCheckNodePort !== current.spec.healthCheckNodePort
  )
    errors.push(forbidden('spec.healthCheckNodePort', 'field is immutable'));
  return errors;
}

/** Only a service without addresses of its own may be of another family first. */
function validateFamiliesKept(next: ServiceSpec, current: ServiceSpec): FieldError[] {
  if (isHeadless(next) || isHeadless(current)) return [];
  const [before, after] = [current.ipFamilies ?? [], next.ipFamilies ?? []];
  if (before[0] === undefined || after[0] === undefined || before[0] === after[0]) return [];
  return [invalid('spec.ipFamilies[0]', after, 'may not change once set')];
}
