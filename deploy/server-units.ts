/** What runs on the servers, as units: etcd, apiservers, detectors, schedulers, controllers. */
import { join } from 'node:path';
import { cgroupPath } from './cgroups.ts';
import { encryptionFile, frontProxyDirectory, frontProxyName } from './identities.ts';
import type { Layout } from './layout.ts';
import { nodeOptionsOf } from './node-options.ts';
import type { ClusterChoices, ClusterSettings } from './settings.ts';
import { serverAddress } from './underlay.ts';
import type { Unit } from './units.ts';

export const serverGroup = 'servers';
const schedulerPort = (server: number): number => 10_279 + server;
export const detectorPort = (server: number): number => 10_259 + server;

/** On the underlay; without one a loopback address that no other cluster of the machine has, as its API port is its own. */
export function detectorAddress(
  settings: ClusterSettings,
  { underlay }: Pick<ClusterChoices, 'underlay'>,
): string {
  return serverAddress(settings, underlay) ?? `127.1.${settings.port >> 8}.${settings.port & 255}`;
}

/** `address:port` of every server's. */
export function detectorEndpoints(settings: ClusterSettings, choices: ClusterChoices): string[] {
  const address = detectorAddress(settings, choices);
  return Array.from({ length: settings.servers }, (_, n) => `${address}:${detectorPort(n + 1)}`);
}

export function programCommand(
  layout: Layout,
  program: string,
  flags: Readonly<Record<string, string>>,
): string[] {
  const rendered = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return [layout.node, ...nodeOptionsOf(program), join(layout.dist, program, 'main.js'), ...rendered];
}

const clientUrl = (port: number): string => `https://127.0.0.1:${port}`;

export const etcdEndpoints = (choices: ClusterChoices): string =>
  choices.etcdPorts.map((ports) => clientUrl(ports.client)).join(',');

function etcdUnit(layout: Layout, choices: ClusterChoices, member: number): Unit {
  const ports = choices.etcdPorts[member - 1] ?? { client: 0, peer: 0 };
  const tls = { 'cert-file': 'etcd.crt', 'key-file': 'etcd.key', 'trusted-ca-file': 'ca.crt' };
  const files = Object.entries(tls).flatMap(([flag, file]) => [
    `--${flag}=${join(layout.pki, file)}`,
    `--peer-${flag}=${join(layout.pki, file)}`,
  ]);
  const members = choices.etcdPorts.map((each, index) => `etcd-${index + 1}=${clientUrl(each.peer)}`);
  return {
    name: `etcd-${member}`,
    cgroup: cgroupPath(layout.name, serverGroup),
    command: [
      'etcd',
      `--name=etcd-${member}`,
      `--data-dir=${join(layout.state, 'etcd', `etcd-${member}`)}`,
      `--listen-client-urls=${clientUrl(ports.client)}`,
      `--advertise-client-urls=${clientUrl(ports.client)}`,
      `--listen-peer-urls=${clientUrl(ports.peer)}`,
      `--initial-advertise-peer-urls=${clientUrl(ports.peer)}`,
      `--initial-cluster=${members.join(',')}`,
      `--initial-cluster-token=${layout.name}`,
      '--client-cert-auth',
      '--peer-client-cert-auth',
      ...files,
      `--quota-backend-bytes=${8 * 2 ** 30}`,
      '--logger=zap',
      '--log-level=warn',
    ],
  };
}

function apiserverUnit(
  layout: Layout,
  settings: ClusterSettings,
  choices: ClusterChoices,
  server: number,
): Unit {
  const pki = (file: string): string => join(layout.pki, file);
  const address = serverAddress(settings, choices.underlay);
  return {
    name: `apiserver-${server}`,
    cgroup: cgroupPath(layout.name, serverGroup),
    command: programCommand(layout, 'apiserver', {
      'etcd-servers': etcdEndpoints(choices),
      'etcd-cafile': pki('ca.crt'),
      'etcd-certfile': pki('apiserver-etcd-client.crt'),
      'etcd-keyfile': pki('apiserver-etcd-client.key'),
      'encryption-provider-config': encryptionFile(layout),
      'audit-log-path': join(layout.state, 'audit', `apiserver-${server}.log`),
      'bind-address': address === undefined ? '127.0.0.1' : `127.0.0.1,${address}`,
      'secure-port': String(settings.port),
      ...(address === undefined ? {} : { 'advertise-address': address }),
      'tls-cert-file': pki('apiserver.crt'),
      'tls-private-key-file': pki('apiserver.key'),
      'client-ca-file': pki('ca.crt'),
      'requestheader-client-ca-file': pki(join(frontProxyDirectory, 'ca.crt')),
      'requestheader-allowed-names': frontProxyName,
      'service-cluster-ip-range': settings.serviceCidr,
      // Alone it stores, as Kubernetes' own does, without a word about who is missing.
      'warn-no-actor': String(settings.only.includes('controllers')),
      'service-account-key-file': pki('sa.pub'),
      'service-account-signing-key-file': pki('sa.key'),
      'service-account-issuer': 'https://kubernetes.default.svc.cluster.local',
      'kubelet-client-certificate': pki('apiserver-kubelet-client.crt'),
      'kubelet-client-key': pki('apiserver-kubelet-client.key'),
      'kubelet-certificate-authority': pki('ca.crt'),
      'proxy-client-cert-file': pki(join(frontProxyDirectory, `${frontProxyName}.crt`)),
      'proxy-client-key-file': pki(join(frontProxyDirectory, `${frontProxyName}.key`)),
    }),
  };
}

function clientUnit(
  layout: Layout,
  program: string,
  server: number,
  flags: Readonly<Record<string, string>>,
): Unit {
  return {
    name: `${program}-${server}`,
    cgroup: cgroupPath(layout.name, serverGroup),
    command: programCommand(layout, program, {
      kubeconfig: join(layout.pki, `${program}.kubeconfig`),
      ...flags,
    }),
  };
}

export function serverUnits(layout: Layout, settings: ClusterSettings, choices: ClusterChoices): Unit[] {
  const units: Unit[] = [];
  const has = (part: ClusterSettings['only'][number]): boolean => settings.only.includes(part);
  if (has('etcd')) units.push(...choices.etcdPorts.map((_, index) => etcdUnit(layout, choices, index + 1)));
  for (let server = 1; server <= settings.servers; server += 1) {
    const identity = `server-${server}`;
    if (has('apiserver')) units.push(apiserverUnit(layout, settings, choices, server));
    if (has('scheduler'))
      units.push(
        clientUnit(layout, 'scheduler', server, {
          'leader-elect-identity': identity,
          ...(settings.schedulerConfig === undefined ? {} : { config: settings.schedulerConfig }),
          'bind-address': detectorAddress(settings, choices),
          'secure-port': String(schedulerPort(server)),
          'tls-cert-file': join(layout.pki, 'scheduler-server.crt'),
          'tls-private-key-file': join(layout.pki, 'scheduler-server.key'),
          'client-ca-file': join(layout.pki, frontProxyDirectory, 'ca.crt'),
        }),
      );
    if (has('controllers')) {
      units.push(
        clientUnit(layout, 'controllers', server, {
          'leader-elect-identity': identity,
          'cluster-cidr': settings.podCidr,
          'node-cidr-mask-size': '24',
          'service-cluster-ip-range': settings.serviceCidr,
          'root-ca-file': join(layout.pki, 'ca.crt'),
          'cluster-signing-cert-file': join(layout.pki, 'ca.crt'),
          'cluster-signing-key-file': join(layout.pki, 'ca.key'),
          'beat-key-file': join(layout.pki, 'beat.key'),
        }),
      );
    }
    const hasNodes = serverAddress(settings, choices.underlay) !== undefined || settings.hollow > 0;
    if (has('controllers') && hasNodes) {
      units.push(
        clientUnit(layout, 'detector', server, {
          'leader-elect-identity': identity,
          'bind-address': detectorAddress(settings, choices),
          port: String(detectorPort(server)),
          'beat-key-file': join(layout.pki, 'beat.key'),
        }),
      );
    }
  }
  return units;
}
