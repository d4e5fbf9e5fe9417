import { parseArgs } from 'node:util';
import type { AuditFlags } from './audit/configuration.ts';
import type { FrontProxyFlags } from './authentication/front-proxy.ts';

export interface ApiServerFlags {
  readonly storage: 'etcd' | 'memory';
  readonly etcdServers: readonly string[];
  readonly etcdCaFile: string | undefined;
  readonly etcdCertFile: string | undefined;
  readonly etcdKeyFile: string | undefined;
  readonly encryptionProviderConfig: string | undefined;
  readonly audit: AuditFlags;
  /** Requests that are carried out at the same time, shared out by priority and fairness. */
  readonly seats: number;
  /** Without it, requests of everybody share the two limits of requests in flight. */
  readonly fairness: boolean;
  readonly inflight: { readonly readOnly: number; readonly mutating: number };
  readonly bindAddresses: readonly string[];
  readonly securePort: number;
  readonly advertiseAddress: string;
  readonly tlsCertFile: string;
  readonly tlsPrivateKeyFile: string;
  readonly clientCaFile: string;
  readonly frontProxy: FrontProxyFlags;
  readonly serviceClusterIpRange: string;
  readonly serviceNodePortRange: { readonly first: number; readonly last: number };
  /** Keys by which ServiceAccount tokens are verified: also those that are not signed with any more. */
  readonly serviceAccountKeyFiles: readonly string[];
  readonly serviceAccountSigningKeyFile: string | undefined;
  /** The first one issues; all are accepted. */
  readonly serviceAccountIssuers: readonly string[];
  readonly serviceAccountJwksUri: string | undefined;
  /** Undefined: tokens may be asked for as long as anybody likes. */
  readonly serviceAccountMaxTokenExpirationSeconds: number | undefined;
  /** For whom tokens must be meant; empty: the issuers. */
  readonly apiAudiences: readonly string[];
  readonly tokenAuthFile: string | undefined;
  readonly bootstrapTokenAuth: boolean;
  readonly kubeletClientCertificate: string | undefined;
  readonly kubeletClientKey: string | undefined;
  readonly kubeletCertificateAuthority: string | undefined;
  /** Who this server is towards the scheduler, which it asks about placements. */
  readonly proxyClientCertFile: string | undefined;
  readonly proxyClientKeyFile: string | undefined;
  readonly anonymousAuth: boolean;
  /** Served on after the order to end, with `/readyz` failing. */
  readonly shutdownDelayMs: number;
  /** An `AdmissionConfiguration`: defaults and exemptions of PodSecurity. */
  readonly admissionControlConfigFile: string | undefined;
  /** Whether writes name what is stored and acted upon by nothing: for a server that has a cluster around it. */
  readonly warnNoActor: boolean;
}

/** What is wrong with the command line. */
export class FlagError extends Error {
  readonly code = 'BAD_FLAG';
}

const text = (fallback?: string): { type: 'string'; default?: string } =>
  fallback === undefined ? { type: 'string' } : { type: 'string', default: fallback };

const texts = (...fallback: string[]): { type: 'string'; multiple: true; default: string[] } => ({
  type: 'string',
  multiple: true,
  default: fallback,
});

const options = {
  storage: text('etcd'),
  'etcd-servers': text(''),
  'etcd-cafile': text(),
  'etcd-certfile': text(),
  'etcd-keyfile': text(),
  'encryption-provider-config': text(),
  'audit-log-path': text(),
  'audit-policy-file': text(),
  'audit-log-maxsize': text('100'),
  'audit-log-maxbackup': text('10'),
  'audit-log-maxage': text('0'),
  'max-requests-inflight': text('40'),
  'max-mutating-requests-inflight': text('24'),
  'enable-priority-and-fairness': text('true'),
  'bind-address': text('127.0.0.1'),
  'secure-port': text('6443'),
  'advertise-address': text(),
  'tls-cert-file': text(),
  'tls-private-key-file': text(),
  'client-ca-file': text(),
  'requestheader-client-ca-file': text(),
  'requestheader-allowed-names': text(''),
  'requestheader-username-headers': text('X-Remote-User'),
  'requestheader-group-headers': text('X-Remote-Group'),
  'requestheader-uid-headers': text('X-Remote-Uid'),
  'requestheader-extra-headers-prefix': text('X-Remote-Extra-'),
  'service-cluster-ip-range': text('10.96.0.0/12'),
  'service-node-port-range': text('30000-32767'),
  'service-account-key-file': texts(),
  'service-account-signing-key-file': text(),
  'service-account-issuer': texts('https://kubernetes.default.svc.cluster.local'),
  'service-account-jwks-uri': text(),
  'service-account-max-token-expiration': text('0s'),
  'api-audiences': text(''),
  'token-auth-file': text(),
  'enable-bootstrap-token-auth': text('true'),
  'kubelet-client-certificate': text(),
  'kubelet-client-key': text(),
  'kubelet-certificate-authority': text(),
  'proxy-client-cert-file': text(),
  'proxy-client-key-file': text(),
  'anonymous-auth': text('true'),
  'shutdown-delay-duration': text('0s'),
  'admission-control-config-file': text(),
  'warn-no-actor': text('false'),
} as const;

/** @throws FlagError in one clear line */
export function parseFlags(argv: readonly string[]): ApiServerFlags {
  const values = readValues(argv);
  const storage = values.storage;
  if (storage !== 'etcd' && storage !== 'memory')
    throw new FlagError(`--storage ${storage}: must be etcd or memory`);
  const etcdServers = list(values['etcd-servers'] ?? '');
  if (storage === 'etcd' && etcdServers.length === 0) throw new FlagError('--etcd-servers: is required');
  const bindAddresses = list(values['bind-address'] ?? '');
  const [first] = bindAddresses;
  if (first === undefined) throw new FlagError('--bind-address: must name an address');
  return {
    ...{ storage, etcdServers, bindAddresses },
    etcdCaFile: values['etcd-cafile'],
    etcdCertFile: values['etcd-certfile'],
    etcdKeyFile: values['etcd-keyfile'],
    encryptionProviderConfig: values['encryption-provider-config'],
    audit: auditFlags(values),
    ...concurrency(values),
    securePort: port('--secure-port', values['secure-port'] ?? ''),
    advertiseAddress: values['advertise-address'] ?? bindAddresses.at(-1) ?? first,
    tlsCertFile: required('--tls-cert-file', values['tls-cert-file']),
    tlsPrivateKeyFile: required('--tls-private-key-file', values['tls-private-key-file']),
    clientCaFile: required('--client-ca-file', values['client-ca-file']),
    frontProxy: frontProxyFlags(values),
    serviceClusterIpRange: cidr('--service-cluster-ip-range', values['service-cluster-ip-range'] ?? ''),
    serviceNodePortRange: portRange(values['service-node-port-range'] ?? ''),
    serviceAccountKeyFiles: values['service-account-key-file'] ?? [],
    serviceAccountSigningKeyFile: values['service-account-signing-key-file'],
    serviceAccountIssuers: values['service-account-issuer'] ?? [],
    serviceAccountJwksUri: values['service-account-jwks-uri'],
    serviceAccountMaxTokenExpirationSeconds: tokenExpiration(values),
    apiAudiences: list(values['api-audiences'] ?? ''),
    tokenAuthFile: values['token-auth-file'],
    bootstrapTokenAuth: bool('--enable-bootstrap-token-auth', values['enable-bootstrap-token-auth'] ?? ''),
    kubeletClientCertificate: values['kubelet-client-certificate'],
    kubeletClientKey: values['kubelet-client-key'],
    kubeletCertificateAuthority: values['kubelet-certificate-authority'],
    proxyClientCertFile: values['proxy-client-cert-file'],
    proxyClientKeyFile: values['proxy-client-key-file'],
    admissionControlConfigFile: values['admission-control-config-file'],
    anonymousAuth: bool('--anonymous-auth', values['anonymous-auth'] ?? ''),
    shutdownDelayMs: durationMs('--shutdown-delay-duration', values['shutdown-delay-duration'] ?? ''),
    warnNoActor: bool('--warn-no-actor', values['warn-no-actor'] ?? ''),
  };
}

type Values = {
  readonly [Flag in keyof typeof options]?:
    | ((typeof options)[Flag] extends { readonly multiple: true } ? readonly string[] : string)
    | undefined;
};

function readValues(argv: readonly string[]): Values {
  try {
    return parseArgs({ args: [...argv], options, strict: true, allowPositionals: false }).values;
  } catch (error) {
    // An unknown flag, or one without its value: parseArgs names it.
    throw new FlagError(error instanceof Error ? error.message : String(error));
  }
}

const list = (value: string): string[] =>
  value
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');

function required(flag: string, value: string | undefined): string {
  if (value === undefined || value === '') throw new FlagError(`${flag}: is required`);
  return value;
}

function port(flag: string, value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number > 65_535) throw new FlagError(`${flag} ${value}: must be a port`);
  return number;
}

function whole(flag: string, value: string | undefined, least: number): number {
  const number = Number(value);
  if (!Number.isInteger(number) || number < least)
    throw new FlagError(`${flag} ${value}: must be a whole number of at least ${least}`);
  return number;
}

function concurrency(values: Values): Pick<ApiServerFlags, 'seats' | 'fairness' | 'inflight'> {
  const readOnly = whole('--max-requests-inflight', values['max-requests-inflight'], 1);
  const mutating = whole('--max-mutating-requests-inflight', values['max-mutating-requests-inflight'], 1);
  const fairness = bool('--enable-priority-and-fairness', values['enable-priority-and-fairness'] ?? '');
  return { seats: readOnly + mutating, fairness, inflight: { readOnly, mutating } };
}

function frontProxyFlags(values: Values): FrontProxyFlags {
  return {
    caFile: values['requestheader-client-ca-file'],
    allowedNames: list(values['requestheader-allowed-names'] ?? ''),
    usernameHeaders: list(values['requestheader-username-headers'] ?? ''),
    groupHeaders: list(values['requestheader-group-headers'] ?? ''),
    uidHeaders: list(values['requestheader-uid-headers'] ?? ''),
    extraHeadersPrefixes: list(values['requestheader-extra-headers-prefix'] ?? ''),
  };
}

function auditFlags(values: Values): AuditFlags {
  return {
    logPath: values['audit-log-path'],
    policyFile: values['audit-policy-file'],
    maxSizeMegabytes: whole('--audit-log-maxsize', values['audit-log-maxsize'], 1),
    maxBackups: whole('--audit-log-maxbackup', values['audit-log-maxbackup'], 0),
    maxAgeDays: whole('--audit-log-maxage', values['audit-log-maxage'], 0),
  };
}

function portRange(value: string): { readonly first: number; readonly last: number } {
  const found = /^(\d+)-(\d+)$/.exec(value);
  const flag = '--service-node-port-range';
  if (found === null) throw new FlagError(`${flag} ${value}: must be two ports, as in 30000-32767`);
  const range = { first: port(flag, found[1] ?? ''), last: port(flag, found[2] ?? '') };
  if (range.first > range.last) throw new FlagError(`${flag} ${value}: ends before it begins`);
  return range;
}

function cidr(flag: string, value: string): string {
  const found = /^(\d+)\.(\d+)\.(\d+)\.(\d+)\/(\d+)$/.exec(value);
  const [, ...numbers] = (found ?? []).map(Number);
  const bits = numbers[4] ?? 99;
  if (found === null || numbers.slice(0, 4).some((byte) => byte > 255) || bits < 8 || bits > 30)
    throw new FlagError(`${flag} ${value}: must be an IPv4 range between /8 and /30, as in 10.96.0.0/12`);
  return value;
}

const hourSeconds = 3_600;
const maxExpirationSeconds = 2 ** 32;

function tokenExpiration(values: Values): number | undefined {
  const flag = 'service-account-max-token-expiration';
  const seconds = durationMs(`--${flag}`, values[flag] ?? '') / 1_000;
  if (seconds === 0) return undefined;
  if (seconds < hourSeconds || seconds > maxExpirationSeconds)
    throw new FlagError(`the ${flag} must be between 1 hour and 2^32 seconds`);
  return seconds;
}

const unitMs: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function durationMs(flag: string, value: string): number {
  const found = /^(\d+)(ms|s|m|h)$/.exec(value);
  if (found === null) throw new FlagError(`${flag} ${value}: must be a duration, as in 500ms, 10s or 1m`);
  return Number(found[1]) * (unitMs[found[2] ?? ''] ?? 1);
}

function bool(flag: string, value: string): boolean {
  if (value !== 'true' && value !== 'false') throw new FlagError(`${flag} ${value}: must be true or false`);
  return value === 'true';
}
