/**
 * The wire between simulated hosts: a bridge on the machine, and for each host a network namespace with a veth pair
 * into it. Everything carries the cluster's name; the bridge's alias names the clone that owns it.
 */

import { existsSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runCommand, tryCommand } from './command.ts';
import type { Layout } from './layout.ts';
import { UserError } from './user-error.ts';

export const bridgeName = (cluster: string): string => `${cluster}-br`;
export const netnsName = (cluster: string, host: string): string => `${cluster}-${host}`;
/** The machine's end of a host's link; at most 15 characters. */
export const linkName = (cluster: string, index: number): string => `${cluster}-h${index}`;

export const gatewayAddress = (underlay: string): string => `${underlay}.1`;
/** Host 1 is at .11; the octets below are the machine's. */
export const hostAddress = (underlay: string, index: number): string => `${underlay}.${10 + index}`;

interface IpLink {
  readonly ifname: string;
  readonly ifalias?: string;
}

interface IpRoute {
  readonly dst: string;
  readonly dev?: string;
}

/** An address range as first and last number. */
function rangeOf(cidr: string): { first: number; last: number } {
  const [address = '', bits = '32'] = cidr.split('/');
  const size = 2 ** (32 - Number(bits));
  const number = address.split('.').reduce((sum, octet) => sum * 256 + Number(octet), 0);
  const first = Math.floor(number / size) * size;
  return { first, last: first + size - 1 };
}

const overlaps = (a: string, b: string): boolean => {
  const [left, right] = [rangeOf(a), rangeOf(b)];
  return left.first <= right.last && right.first <= left.last;
};

async function machineRoutes(cluster: string): Promise<IpRoute[]> {
  const routes = JSON.parse(
    await runCommand('ip', ['-json', '-4', 'route', 'show', 'table', 'all']),
  ) as IpRoute[];
  const foreign = routes.filter((route) => route.dst !== 'default' && route.dev !== bridgeName(cluster));
  return foreign.filter((route) => !route.dst.startsWith('127.') && route.dst !== '0.0.0.0');
}

/** @throws UserError when a range of the cluster covers an address that the machine itself routes to. */
export async function refuseOverlap(
  cluster: string,
  ranges: Readonly<Record<string, string>>,
): Promise<void> {
  const routes = await machineRoutes(cluster);
  for (const [flag, cidr] of Object.entries(ranges)) {
    if (!/^\d+\.\d+\.\d+\.\d+\/\d+$/.test(cidr))
      throw new UserError(`${flag}: "${cidr}" is not an IPv4 range like 10.0.0.0/16`, 2);
    const route = routes.find((candidate) => overlaps(cidr, candidate.dst));
    if (route !== undefined)
      throw new UserError(
        `${flag}: ${cidr} overlaps the machine's route to ${route.dst} (${route.dev ?? 'no device'})`,
      );
  }
}

/** The first /24 of 172.28.0.0/14 that the machine has no route into. */
export async function chooseUnderlay(cluster: string): Promise<string> {
  const routes = await machineRoutes(cluster);
  for (let index = 0; index < 1024; index += 1) {
    const prefix = `172.${28 + (index >> 8)}.${index & 255}`;
    if (!routes.some((route) => overlaps(`${prefix}.0/24`, route.dst))) return prefix;
  }
  throw new UserError('no free /24 in 172.28.0.0/14 for the wire between the hosts');
}

async function clusterLinks(cluster: string): Promise<IpLink[]> {
  const links = JSON.parse(await runCommand('ip', ['-json', 'link', 'show'])) as IpLink[];
  const ours = new RegExp(`^${cluster}-(br|h\\d+)$`);
  return links.filter((link) => ours.test(link.ifname));
}

/** @throws UserError when another clone runs a cluster of this name. */
export async function refuseForeignCluster(layout: Layout): Promise<void> {
  const links = await clusterLinks(layout.name);
  const bridge = links.find((link) => link.ifname === bridgeName(layout.name));
  if (bridge?.ifalias !== undefined && bridge.ifalias !== layout.root) {
    throw new UserError(
      `a cluster named ${layout.name} belongs to ${bridge.ifalias}: take it down there, or use --name`,
    );
  }
}

const netnsDirectory = '/run/netns';
const netnsMark = (layout: Layout): string => join(layout.state, 'made-run-netns');
const isNetnsMounted = (): boolean => readFileSync('/proc/mounts', 'utf8').includes(` ${netnsDirectory} `);

/** The first `ip netns add` of a machine makes `/run/netns` a mount of its own; `down` undoes what we were the cause of. */
function noteNetnsDirectory(layout: Layout): void {
  if (!isNetnsMounted()) writeFileSync(netnsMark(layout), existsSync(netnsDirectory) ? 'mount' : 'directory');
}

async function restoreNetnsDirectory(layout: Layout): Promise<void> {
  if (
    !existsSync(netnsMark(layout)) ||
    (existsSync(netnsDirectory) && readdirSync(netnsDirectory).length > 0)
  )
    return;
  while (isNetnsMounted()) await runCommand('umount', [netnsDirectory]);
  if (readFileSync(netnsMark(layout), 'utf8') === 'directory' && existsSync(netnsDirectory))
    rmdirSync(netnsDirectory);
  rmSync(netnsMark(layout));
}

export async function createBridge(layout: Layout, underlay: string): Promise<void> {
  const bridge = bridgeName(layout.name);
  if ((await clusterLinks(layout.name)).some((link) => link.ifname === bridge)) return;
  noteNetnsDirectory(layout);
  const batch = [
    `link add ${bridge} type bridge forward_delay 0`,
    `link set ${bridge} alias ${layout.root}`,
    `address add ${gatewayAddress(underlay)}/24 dev ${bridge}`,
    `link set ${bridge} up`,
  ];
  await runCommand('ip', ['-batch', '-'], `${batch.join('\n')}\n`);
}

/** A network namespace with `eth0` on the bridge. What a crashed predecessor left is replaced. */
export async function createHostNetwork(
  layout: Layout,
  underlay: string,
  host: { name: string; index: number },
): Promise<void> {
  const netns = netnsName(layout.name, host.name);
  const link = linkName(layout.name, host.index);
  await removeHostNetwork(layout, host);
  const outside = [
    `netns add ${netns}`,
    `link add ${link} type veth peer name eth0 netns ${netns}`,
    `link set ${link} master ${bridgeName(layout.name)} up`,
  ];
  await runCommand('ip', ['-batch', '-'], `${outside.join('\n')}\n`);
  const inside = [
    'link set lo up',
    `address add ${hostAddress(underlay, host.index)}/24 dev eth0`,
    'link set eth0 up',
    `route add default via ${gatewayAddress(underlay)}`,
  ];
  await runCommand('ip', ['-netns', netns, '-batch', '-'], `${inside.join('\n')}\n`);
}

export async function removeHostNetwork(
  layout: Layout,
  host: { name: string; index: number },
): Promise<void> {
  await tryCommand('ip', ['link', 'delete', linkName(layout.name, host.index)]);
  await tryCommand('ip', ['netns', 'delete', netnsName(layout.name, host.name)]);
}

/** Cuts or heals the machine's end: the host keeps its addresses, and nothing it sends leaves it. */
export async function setHostLink(layout: Layout, index: number, state: 'up' | 'down'): Promise<void> {
  await runCommand('ip', ['link', 'set', linkName(layout.name, index), state]);
}

/** Every link and namespace of the cluster, also of one that crashed half made. */
export async function removeUnderlay(layout: Layout): Promise<void> {
  const links = await clusterLinks(layout.name);
  for (const link of links) await tryCommand('ip', ['link', 'delete', link.ifname]);
  const list = (await tryCommand('ip', ['-json', 'netns', 'list'])) ?? '';
  const namespaces = list.trim() === '' ? [] : (JSON.parse(list) as { readonly name: string }[]);
  for (const { name } of namespaces) {
    if (name.startsWith(`${layout.name}-`)) await tryCommand('ip', ['netns', 'delete', name]);
  }
  await restoreNetnsDirectory(layout);
}
