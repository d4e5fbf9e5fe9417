import type { Probe, SELinuxOptions } from '../../../api/generated/core-v1.ts';
import {
  badContainers,
  type Check,
  containersCalled,
  containersOf,
  type JudgedPod,
  plural,
  quoted,
  setters,
  sortedSet,
  type Violation,
} from './check.ts';
import { seccompBaseline } from './seccomp.ts';

const appArmorPrefix = 'container.apparmor.security.beta.kubernetes.io/';

function appArmor({ annotations, spec }: JudgedPod): Violation | undefined {
  const isBad = (type: string | undefined): boolean =>
    type !== undefined && type !== 'RuntimeDefault' && type !== 'Localhost';
  const own = spec.securityContext?.appArmorProfile?.type;
  const names = badContainers(spec, (each) => isBad(each.securityContext?.appArmorProfile?.type));
  const types = [own, ...containersOf(spec).map((each) => each.securityContext?.appArmorProfile?.type)];
  const marked = Object.entries(annotations)
    .filter(([key, value]) => key.startsWith(appArmorPrefix) && !isAppArmorAnnotation(value))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .sort();
  const values = [...sortedSet(types.flatMap((type) => (isBad(type) ? [type ?? ''] : []))), ...marked];
  if (values.length === 0) return undefined;
  const who = [
    ...(setters(isBad(own), names) === '' ? [] : [setters(isBad(own), names)]),
    ...(marked.length > 0 ? [plural(marked.length, 'annotation')] : []),
  ];
  return {
    reason: plural(values.length, 'forbidden AppArmor profile'),
    detail: `${who.join(' and ')} must not set AppArmor profile type to ${quoted(values)}`,
  };
}

const isAppArmorAnnotation = (value: string): boolean =>
  value === '' || value === 'runtime/default' || value.startsWith('localhost/');

const capabilitiesAllowed: ReadonlySet<string> = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

function capabilities({ spec }: JudgedPod): Violation | undefined {
  const added = containersOf(spec).map(({ name, securityContext }) => ({
    name,
    bad: (securityContext?.capabilities?.add ?? []).filter((each) => !capabilitiesAllowed.has(each)),
  }));
  const names = added.filter(({ bad }) => bad.length > 0).map(({ name }) => name);
  if (names.length === 0) return undefined;
  const bad = sortedSet(added.flatMap((each) => each.bad));
  return {
    reason: 'non-default capabilities',
    detail: `${containersCalled(names)} must not include ${quoted(bad)} in securityContext.capabilities.add`,
  };
}

function hostNamespaces({ spec }: JudgedPod): Violation | undefined {
  const used = (['hostNetwork', 'hostPID', 'hostIPC'] as const).filter((name) => spec[name] === true);
  if (used.length === 0) return undefined;
  return { reason: 'host namespaces', detail: used.map((name) => `${name}=true`).join(', ') };
}

function hostPathVolumes({ spec }: JudgedPod): Violation | undefined {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: 'hostPath volumes', detail: `${plural(names.length, 'volume')} ${quoted(names)}` };
}

function hostPorts({ spec }: JudgedPod): Violation | undefined {
  const isHostPort = ({ hostPort = 0 }: { readonly hostPort?: number | undefined }): boolean =>
    hostPort !== 0;
  const names = badContainers(spec, ({ ports }) => ports?.some(isHostPort) === true);
  if (names.length === 0) return undefined;
  const ports = containersOf(spec).flatMap((each) => (each.ports ?? []).filter(isHostPort));
  const numbers = sortedSet(ports.map(({ hostPort }) => String(hostPort)));
  return {
    reason: 'hostPort',
    detail: `${containersCalled(names)} ${plural(names.length, 'uses', 'use')} ${plural(numbers.length, 'hostPort')} ${numbers.join(', ')}`,
  };
}

type Action = Pick<Probe, 'httpGet' | 'tcpSocket'> | undefined;

function hostProbes({ spec }: JudgedPod): Violation | undefined {
  const hostsOf = (action: Action): string[] =>
    [action?.httpGet?.host ?? '', action?.tcpSocket?.host ?? ''].filter((host) => host !== '');
  const found = containersOf(spec).map((each) => {
    const { livenessProbe, readinessProbe, startupProbe, lifecycle } = each;
    const actions = [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop];
    return { name: each.name, hosts: actions.flatMap(hostsOf) };
  });
  const names = sortedSet(found.filter(({ hosts }) => hosts.length > 0).map(({ name }) => name));
  if (names.length === 0) return undefined;
  const hosts = sortedSet(found.flatMap((each) => each.hosts));
  return {
    reason: 'probe or lifecycle host',
    detail: `${containersCalled(names)} ${plural(names.length, 'uses', 'use')} ${plural(hosts.length, 'probe or lifecycle host')} ${quoted(hosts)}`,
  };
}

function privileged({ spec }: JudgedPod): Violation | undefined {
  const names = badContainers(spec, ({ securityContext }) => securityContext?.privileged === true);
  if (names.length === 0) return undefined;
  return {
    reason: 'privileged',
    detail: `${containersCalled(names)} must not set securityContext.privileged=true`,
  };
}

export function procMount({ spec }: JudgedPod): Violation | undefined {
  const isBad = (type: string | undefined): boolean => type !== undefined && type !== 'Default';
  const names = badContainers(spec, ({ securityContext }) => isBad(securityContext?.procMount));
  if (names.length === 0) return undefined;
  const types = containersOf(spec).map(({ securityContext }) => securityContext?.procMount);
  const bad = sortedSet(types.flatMap((type) => (isBad(type) ? [type ?? ''] : [])));
  return {
    reason: 'procMount',
    detail: `${containersCalled(names)} must not set securityContext.procMount to ${quoted(bad)}`,
  };
}

/** A pod whose users are not the host's. */
export const hasOwnUsers = ({ spec }: JudgedPod): boolean => spec.hostUsers === false;

const seLinuxTypes = ['', 'container_t', 'container_init_t', 'container_kvm_t'];

const seLinux =
  (allowed: readonly string[]) =>
  ({ spec }: JudgedPod): Violation | undefined => {
    const isBad = (options: SELinuxOptions | undefined): boolean =>
      options !== undefined &&
      (!allowed.includes(options.type ?? '') || (options.user ?? '') !== '' || (options.role ?? '') !== '');
    const own = spec.securityContext?.seLinuxOptions;
    const names = badContainers(spec, (each) => isBad(each.securityContext?.seLinuxOptions));
    const who = setters(isBad(own), names);
    if (who === '') return undefined;
    const all = [own, ...containersOf(spec).map((each) => each.securityContext?.seLinuxOptions)];
    const types = sortedSet(all.map((each) => each?.type ?? '').filter((type) => !allowed.includes(type)));
    const said = [
      ...(types.length > 0 ? [`${plural(types.length, 'type')} ${quoted(types)}`] : []),
      ...(all.some((each) => (each?.user ?? '') !== '') ? ['user may not be set'] : []),
      ...(all.some((each) => (each?.role ?? '') !== '') ? ['role may not be set'] : []),
    ];
    return {
      reason: 'seLinuxOptions',
      detail: `${who} set forbidden securityContext.seLinuxOptions: ${said.join('; ')}`,
    };
  };

const sysctls1_0 = [
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.ping_group_range',
  'net.ipv4.ip_unprivileged_port_start',
];
const sysctls1_27 = [...sysctls1_0, 'net.ipv4.ip_local_reserved_ports'];
const sysctls1_29 = [
  ...sysctls1_27,
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
];
const sysctls1_32 = [...sysctls1_29, 'net.ipv4.tcp_rmem', 'net.ipv4.tcp_wmem'];

const sysctls =
  (allowed: readonly string[]) =>
  ({ spec }: JudgedPod): Violation | undefined => {
    const set = (spec.securityContext?.sysctls ?? []).map(({ name }) => name);
    const bad = set.filter((name) => !allowed.includes(name));
    return bad.length === 0 ? undefined : { reason: 'forbidden sysctls', detail: bad.join(', ') };
  };

function hostProcess({ spec }: JudgedPod): Violation | undefined {
  const own = spec.securityContext?.windowsOptions?.hostProcess === true;
  const names = badContainers(spec, (each) => each.securityContext?.windowsOptions?.hostProcess === true);
  const who = setters(own, names);
  if (who === '') return undefined;
  return {
    reason: 'hostProcess',
    detail: `${who} must not set securityContext.windowsOptions.hostProcess=true`,
  };
}

/** In the order in which their violations are told. @see Pod Security Standards, Baseline */
export const baselineChecks: readonly Check[] = [
  { id: 'appArmorProfile', versions: [[0, appArmor]] },
  { id: 'capabilities_baseline', versions: [[0, capabilities]] },
  { id: 'hostNamespaces', versions: [[0, hostNamespaces]] },
  { id: 'hostPathVolumes', versions: [[0, hostPathVolumes]] },
  { id: 'hostPorts', versions: [[0, hostPorts]] },
  { id: 'hostProbesAndHostLifecycle', versions: [[34, hostProbes]] },
  { id: 'privileged', versions: [[0, privileged]] },
  {
    id: 'procMount',
    versions: [
      [0, procMount],
      [35, (pod) => (hasOwnUsers(pod) ? undefined : procMount(pod))],
    ],
  },
  {
    id: 'seLinuxOptions',
    versions: [
      [0, seLinux(seLinuxTypes)],
      [31, seLinux([...seLinuxTypes, 'container_engine_t'])],
    ],
  },
  seccompBaseline,
  {
    id: 'sysctls',
    versions: [
      [0, sysctls(sysctls1_0)],
      [27, sysctls(sysctls1_27)],
      [29, sysctls(sysctls1_29)],
      [32, sysctls(sysctls1_32)],
    ],
  },
  { id: 'windowsHostProcess', versions: [[0, hostProcess]] },
];
