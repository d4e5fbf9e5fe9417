import { existsSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import type { Layout } from './layout.ts';
import definitions from './options.json' with { type: 'json' };
import { UserError } from './user-error.ts';

export const parts = ['etcd', 'apiserver', 'scheduler', 'controllers', 'hosts'] as const;
export type Part = (typeof parts)[number];

/** What `up` was asked for; stored as `cluster.json` beside what was chosen for it. */
export interface ClusterSettings {
  readonly hosts: number;
  readonly servers: number;
  readonly hollow: number;
  readonly only: readonly Part[];
  readonly example: boolean;
  readonly serviceCidr: string;
  readonly podCidr: string;
  readonly port: number;
  /** Address of this machine that other machines reach it by. */
  readonly advertiseAddress?: string | undefined;
  /** Absolute path of the schedulers' configuration. */
  readonly schedulerConfig?: string | undefined;
}

/** Chosen once per cluster, when it is first brought up. */
export interface ClusterChoices {
  /** First three octets of the underlay's /24; absent when there are no hosts. */
  readonly underlay: string | undefined;
  readonly etcdPorts: readonly { readonly client: number; readonly peer: number }[];
}

export interface StoredCluster {
  readonly settings: ClusterSettings;
  readonly choices: ClusterChoices;
}

type OptionValues = Readonly<Record<string, string | boolean | undefined>>;

/** Parses the options of one command by `options.json`; the bootstrap has refused unknown ones already. */
export function parseOptions(
  command: keyof typeof definitions,
  args: readonly string[],
): { values: OptionValues; operands: string[] } {
  const known: Readonly<Record<string, { readonly type: string; readonly default?: string }>> =
    definitions[command];
  const options = Object.fromEntries(
    Object.entries(known).map(([name, option]) => [
      name,
      { type: option.type === 'boolean' ? ('boolean' as const) : ('string' as const) },
    ]),
  );
  const { values, positionals } = parseArgs({ args: [...args], options, allowPositionals: true });
  const filled: Record<string, string | boolean | undefined> = { ...values };
  for (const [name, option] of Object.entries(known)) filled[name] ??= option.default;
  return { values: filled, operands: positionals };
}

export function clusterName(values: OptionValues): string {
  const name = String(values['name']);
  if (!/^[a-z][a-z0-9]{0,8}$/.test(name)) {
    throw new UserError(
      `--name: "${name}" must be 1 to 9 small letters and digits, beginning with a letter`,
      2,
    );
  }
  return name;
}

export function settingsOf(values: OptionValues): ClusterSettings {
  const only = partsOf(values['only']);
  const advertiseAddress = addressOf(values['advertise-address']);
  const simulated = values['hosts'] ?? (advertiseAddress === undefined ? 3 : 0);
  const hosts = only.includes('hosts') ? Number(simulated) : 0;
  if (hosts > 0 && advertiseAddress !== undefined)
    throw new UserError(
      '--advertise-address: simulated hosts hang on a wire that no other machine reaches; leave out --hosts',
      2,
    );
  const servers = Number(values['servers']);
  const hollow = Number(values['hollow']);
  const port = Number(values['port']);
  if (hosts > 200)
    throw new UserError(`--hosts: ${hosts} simulated hosts are more than the 200 that one machine takes`, 2);
  if (hollow > 8_000) throw new UserError(`--hollow: ${hollow} hollow nodes are more than 8000`, 2);
  if (hollow > 0 && !only.includes('apiserver'))
    throw new UserError('--hollow: hollow nodes need the apiserver among the parts of --only', 2);
  if (servers < 1 || servers > 5) throw new UserError(`--servers: ${servers} is not between 1 and 5`, 2);
  if (port < 1 || port > 65_535) throw new UserError(`--port: ${port} is not a port`, 2);
  const podCidr =
    typeof values['pod-cidr'] === 'string' ? values['pod-cidr'] : defaultPodCidr(hosts + hollow);
  return {
    hosts,
    servers,
    hollow,
    only,
    example: values['no-example'] !== true && values['only'] === undefined && hosts > 0,
    serviceCidr: String(values['service-cidr']),
    podCidr,
    port,
    advertiseAddress,
    schedulerConfig: fileAt(values['scheduler-config']),
  };
}

function fileAt(path: string | boolean | undefined): string | undefined {
  if (typeof path !== 'string') return undefined;
  const absolute = resolve(path);
  if (existsSync(absolute)) return absolute;
  throw new UserError(`--scheduler-config: there is no file ${absolute}`, 2);
}

function addressOf(value: string | boolean | undefined): string | undefined {
  if (typeof value !== 'string') return undefined;
  if (isIPv4(value) && !value.startsWith('127.')) return value;
  throw new UserError(
    `--advertise-address: "${value}" is not an IPv4 address that other machines can reach`,
    2,
  );
}

/** A /24 for each node: 256 fit into a /16, 8,192 into a /11. */
function defaultPodCidr(nodes: number): string {
  return nodes > 250 ? '10.128.0.0/11' : '10.244.0.0/16';
}

function partsOf(list: string | boolean | undefined): readonly Part[] {
  if (typeof list !== 'string') return parts;
  const asked = list.split(',').filter((part) => part !== '');
  const unknown = asked.find((part) => !(parts as readonly string[]).includes(part));
  if (unknown !== undefined)
    throw new UserError(`--only: unknown part "${unknown}" (known: ${parts.join(', ')})`, 2);
  if (asked.length === 0) throw new UserError('--only: names no part', 2);
  return parts.filter((part) => asked.includes(part));
}

/** A line for every setting that differs. */
export function differences(running: ClusterSettings, asked: ClusterSettings): string[] {
  const flags: Readonly<Record<keyof ClusterSettings, string>> = {
    hosts: '--hosts',
    servers: '--servers',
    hollow: '--hollow',
    only: '--only',
    example: 'example',
    serviceCidr: '--service-cidr',
    podCidr: '--pod-cidr',
    port: '--port',
    advertiseAddress: '--advertise-address',
    schedulerConfig: '--scheduler-config',
  };
  return (Object.keys(flags) as (keyof ClusterSettings)[])
    .filter((key) => String(running[key]) !== String(asked[key]))
    .map((key) => `${flags[key]}: running with ${String(running[key])}, asked for ${String(asked[key])}`);
}

const fileOf = (layout: Layout): string => join(layout.state, 'cluster.json');

export function readCluster(layout: Layout): StoredCluster | undefined {
  const file = fileOf(layout);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as StoredCluster) : undefined;
}

export async function writeCluster(layout: Layout, cluster: StoredCluster): Promise<void> {
  await mkdir(layout.state, { recursive: true });
  await writeFile(fileOf(layout), `${JSON.stringify(cluster, undefined, 2)}\n`);
}
