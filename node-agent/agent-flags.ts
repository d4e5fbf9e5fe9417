import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toUnits } from '../api/quantity.ts';
import { messageOf } from '../base/invariant.ts';
import { certificateFiles } from './certificates/node-certificates.ts';
import type { LogLimits } from './server/log-rotation.ts';

export interface AgentFlags {
  readonly kubeconfig: string;
  readonly nodeName: string;
  readonly nodeIp: string;
  readonly rootDir: string;
  readonly runDir: string;
  readonly port: number;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly clientCaFile: string;
  /** Where the agent keeps its certificates and renews them itself; undefined: somebody else does. */
  readonly certDir: string | undefined;
  readonly clusterDns: readonly string[];
  readonly clusterDomain: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly imageDir: string | undefined;
  readonly layerStore: string | undefined;
  readonly insecureRegistries: readonly string[];
  readonly cgroupRoot: string;
  readonly nodeLabels: Readonly<Record<string, string>>;
  readonly logLimits: LogLimits;
  readonly imageThresholds: { readonly highPercent: number; readonly lowPercent: number };
  readonly logLevel: string;
}

/** A flag is missing, unknown or has a bad value. The message is one line for the user. */
export class FlagError extends Error {
  readonly code = 'FLAG';
}

const text = { type: 'string' } as const;
const list = { type: 'string', multiple: true } as const;

/** @throws FlagError */
export function parseAgentFlags(argv: readonly string[]): AgentFlags {
  const flags = read(argv);
  const certDir = flags['cert-dir'];
  const inCertDir = (name: string): string | undefined =>
    certDir === undefined ? undefined : join(certDir, name);
  const serving = inCertDir(certificateFiles.serving);
  return {
    kubeconfig: required(flags.kubeconfig, 'kubeconfig'),
    nodeName: flags['node-name'] ?? hostname().toLowerCase(),
    nodeIp: required(flags['node-ip'], 'node-ip'),
    rootDir: flags['root-dir'] ?? '/var/lib/coracle',
    runDir: flags['run-dir'] ?? '/run/coracle',
    port: portOf(flags.port ?? '10250'),
    tlsCertFile: required(flags['tls-cert-file'] ?? serving, 'tls-cert-file'),
    tlsPrivateKeyFile: required(flags['tls-private-key-file'] ?? serving, 'tls-private-key-file'),
    clientCaFile: required(
      flags['client-ca-file'] ?? inCertDir(certificateFiles.authority),
      'client-ca-file',
    ),
    certDir,
    clusterDns: split(flags['cluster-dns'] ?? '10.96.0.10'),
    clusterDomain: flags['cluster-domain'] ?? 'cluster.local',
    clusterCidr: flags['cluster-cidr'] ?? '10.244.0.0/16',
    serviceCidr: flags['service-cidr'] ?? '10.96.0.0/12',
    imageDir: flags['image-dir'],
    layerStore: flags['layer-store'],
    insecureRegistries: (flags['insecure-registry'] ?? []).flatMap(split),
    cgroupRoot: flags['cgroup-root'] ?? '/coracle',
    nodeLabels: labelsOf(flags['node-labels'] ?? ''),
    logLimits: {
      maxBytes: sizeOf(flags['container-log-max-size'] ?? '10Mi', 'container-log-max-size'),
      maxFiles: wholeNumber(flags['container-log-max-files'] ?? '5', 'container-log-max-files', 2, 1000),
      periodMs: millisecondsOf(flags['container-log-monitor-interval'] ?? '10s'),
    },
    imageThresholds: thresholdsOf(flags['image-gc-high-threshold'], flags['image-gc-low-threshold']),
    logLevel: flags['log-level'] ?? 'info',
  };
}

function read(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      strict: true,
      options: {
        kubeconfig: text,
        'node-name': text,
        'node-ip': text,
        'root-dir': text,
        'run-dir': text,
        port: text,
        'tls-cert-file': text,
        'tls-private-key-file': text,
        'client-ca-file': text,
        'cert-dir': text,
        'cluster-dns': text,
        'cluster-domain': text,
        'cluster-cidr': text,
        'service-cidr': text,
        'image-dir': text,
        'layer-store': text,
        'insecure-registry': list,
        'cgroup-root': text,
        'node-labels': text,
        'container-log-max-size': text,
        'container-log-max-files': text,
        'container-log-monitor-interval': text,
        'image-gc-high-threshold': text,
        'image-gc-low-threshold': text,
        'log-level': text,
      },
    }).values;
  } catch (error) {
    throw new FlagError(messageOf(error), { cause: error });
  }
}

function required(value: string | undefined, name: string): string {
  if (value === undefined || value === '') throw new FlagError(`--${name} is required`);
  return value;
}

function portOf(value: string): number {
  const port = Number(value);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new FlagError(`--port: ${value} is not a port`);
  return port;
}

function wholeNumber(value: string, name: string, least: number, most: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least || number > most)
    throw new FlagError(`--${name}: ${value} is not a number from ${least} to ${most}`);
  return number;
}

function millisecondsOf(value: string): number {
  const seconds = Number(/^(\d{1,5})s$/.exec(value)?.[1] ?? 0);
  if (seconds > 0) return seconds * 1_000;
  throw new FlagError(`--container-log-monitor-interval: ${value} is not a number of seconds, like 10s`);
}

function sizeOf(value: string, name: string): number {
  try {
    const bytes = toUnits(value);
    if (bytes > 0) return bytes;
  } catch (error) {
    throw new FlagError(`--${name}: ${messageOf(error)}`, { cause: error });
  }
  throw new FlagError(`--${name}: ${value} is not a positive size`);
}

function thresholdsOf(high = '85', low = '80'): AgentFlags['imageThresholds'] {
  const highPercent = wholeNumber(high, 'image-gc-high-threshold', 0, 100);
  const lowPercent = wholeNumber(low, 'image-gc-low-threshold', 0, 100);
  if (lowPercent >= highPercent)
    throw new FlagError('--image-gc-low-threshold: must be lower than --image-gc-high-threshold');
  return { highPercent, lowPercent };
}

function split(value: string): string[] {
  return value.split(',').filter((part) => part !== '');
}

function labelsOf(value: string): Record<string, string> {
  return Object.fromEntries(
    split(value).map((pair) => {
      const [key = '', ...rest] = pair.split('=');
      if (key === '' || rest.length === 0) throw new FlagError(`--node-labels: ${pair} is not KEY=VALUE`);
      return [key, rest.join('=')];
    }),
  );
}
