/**
 * The wire between simulated hosts: a bridge, and for each host a network namespace with a veth pair into it.
 *
 * The bridge lives in a namespace of its own (`NAME.wire`), to which the machine has one link (`NAME-br`). Frames between
 * hosts so pass none of the machine's own hooks: where a firewall or Docker drops what is forwarded and lets bridges call
 * it (`net.bridge.bridge-nf-call-iptables`), hosts still hear one another, and no rule of the user is touched.
 *
 * Everything carries the cluster's name; the link's alias names the clone that owns it, and an alternative name
 * (`coracle-172-28-3`) claims its /24: the kernel gives a name to one link only, so that of two clusters that come up at
 * the same moment each gets a range of its own.
 */

import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommandError, runCommand, tryCommand } from './command.ts';
import type { Layout } from './layout.ts';
import { machineRoutes, overlaps } from './ranges.ts';
import { UserError } from './user-error.ts';

/** The machine's link to the bridge. */
export const uplinkName = (cluster: string): string => `${cluster}-br`;
/** The bridge's namespace. No host can be called so: a host's name has no dot, and its namespace a dash. */
export const wireName = (cluster: string): string => `${cluster}.wire`;
export const netnsName = (cluster: string, host: string): string => `${cluster}-${host}`;
/** The bridge's end of a host's link; at most 15 characters. */
export const linkName = (cluster: string, index: number): string => `${cluster}-h${index}`;

export const gatewayAddress = (underlay: string): string => `${underlay}.1`;
/** Where other hosts and machines reach the servers; undefined: nowhere, the cluster is this machine's alone. */
export function serverAddress(
  settings: { readonly advertiseAddress?: string | undefined },
  underlay: string | undefined,
): string | undefined {
  return settings.advertiseAddress ?? (underlay === undefined ? undefined : gatewayAddress(underlay));
}

/** Host 1 is at .11; the octets below are the machine's. */
export const hostAddress = (underlay: string, index: number): string => `${underlay}.${10 + index}`;

interface IpLink {
  readonly ifname: string;
  readonly ifalias?: string;
  readonly flags?: readonly string[];
}

async function uplinkOf(cluster: string): Promise<IpLink | undefined> {
  const links = JSON.parse(await runCommand('ip', ['-json', 'link', 'show'])) as IpLink[];
  return links.find((link) => link.ifname === uplinkName(cluster));
}

/** @throws UserError when another clone runs a cluster of this name. */
export async function refuseForeignCluster(layout: Layout): Promise<void> {
  const uplink = await uplinkOf(layout.name);
  if (uplink?.ifalias !== undefined && uplink.ifalias !== layout.root) {
    throw new UserError(
      `a cluster named ${layout.name} belongs to ${uplink.ifalias}: take it down there, or use --name`,
    );
  }
}

const netnsDirectory = '/run/netns';
const netnsMark = (layout: Layout): string => join(layout.state, 'made-run-netns');
const isNetnsMounted = (): boolean => readFileSync('/proc/mounts', 'utf8').includes(` ${netnsDirectory} `);

/** The first `ip netns add` of a machine makes `/run/netns` a mount of its own; `down` undoes what we were the cause of. */
function noteNetnsDirectory(layout: Layout): void {
  if (isNetnsMounted()) return;
  mkdirSync(layout.state, { recursive: true });
  writeFileSync(netnsMark(layout), existsSync(netnsDirectory) ? 'mount' : 'directory');
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

/** The first /24 of 172.28.0.0/14 that nobody has, with the wire in it. */
export async function claimUnderlay(layout: Layout): Promise<string> {
  await plugWire(layout);
  const routes = await machineRoutes(uplinkName(layout.name));
  for (let index = 0; index < 1024; index += 1) {
    const prefix = `172.${28 + (index >> 8)}.${index & 255}`;
    if (routes.some((route) => overlaps(`${prefix}.0/24`, route.dst))) continue;
    if (!(await claims(layout, prefix))) continue;
    await addressWire(layout, prefix);
    return prefix;
  }
  throw new UserError('no free /24 in 172.28.0.0/14 for the wire between the hosts');
}

/** The wire of a cluster that has its range already. @throws UserError when somebody took the range while it was down. */
export async function ensureWire(layout: Layout, underlay: string): Promise<void> {
  // Its link goes up last of all: what a crashed `up` left half made is made again.
  if ((await uplinkOf(layout.name))?.flags?.includes('UP') === true) return;
  await plugWire(layout);
  const routes = await machineRoutes(uplinkName(layout.name));
  const isTaken = routes.some((route) => overlaps(`${underlay}.0/24`, route.dst));
  if (isTaken || !(await claims(layout, underlay)))
    throw new UserError(
      `${underlay}.0/24, the wire between the hosts, is in use by another network of this machine; free it, or start over with deploy/down`,
    );
  await addressWire(layout, underlay);
}

/** The bridge in its namespace, and the machine's link to it, still down. */
async function plugWire(layout: Layout): Promise<void> {
  noteNetnsDirectory(layout);
  const [wire, uplink] = [wireName(layout.name), uplinkName(layout.name)];
  await removeWire(layout);
  const outside = [
    `netns add ${wire}`,
    `link add ${uplink} type veth peer name uplink netns ${wire}`,
    `link set ${uplink} alias ${layout.root}`,
  ];
  await runCommand('ip', ['-batch', '-'], `${outside.join('\n')}\n`);
  const inside = [
    'link add bridge type bridge forward_delay 0',
    'link set uplink master bridge up',
    'link set bridge up',
  ];
  await inWire(layout, inside);
}

async function claims(layout: Layout, underlay: string): Promise<boolean> {
  const name = `coracle-${underlay.replaceAll('.', '-')}`;
  const property = ['link', 'property', 'add', 'dev', uplinkName(layout.name), 'altname', name];
  try {
    await runCommand('ip', property);
    return true;
  } catch (error) {
    // EEXIST: another cluster was first.
    if (error instanceof CommandError && error.stderr.includes('File exists')) return false;
    throw error;
  }
}

async function addressWire(layout: Layout, underlay: string): Promise<void> {
  const uplink = uplinkName(layout.name);
  const batch = [`address add ${gatewayAddress(underlay)}/24 dev ${uplink}`, `link set ${uplink} up`];
  await runCommand('ip', ['-batch', '-'], `${batch.join('\n')}\n`);
}

async function removeWire(layout: Layout): Promise<void> {
  await tryCommand('ip', ['link', 'delete', uplinkName(layout.name)]);
  await tryCommand('ip', ['netns', 'delete', wireName(layout.name)]);
}

async function inWire(layout: Layout, commands: readonly string[]): Promise<void> {
  await runCommand('ip', ['-netns', wireName(layout.name), '-batch', '-'], `${commands.join('\n')}\n`);
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
    `link add ${link} netns ${wireName(layout.name)} type veth peer name eth0 netns ${netns}`,
  ];
  await runCommand('ip', ['-batch', '-'], `${outside.join('\n')}\n`);
  await inWire(layout, [`link set ${link} master bridge up`]);
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
  const link = linkName(layout.name, host.index);
  await tryCommand('ip', ['-netns', wireName(layout.name), 'link', 'delete', link]);
  await tryCommand('ip', ['netns', 'delete', netnsName(layout.name, host.name)]);
}

/** Cuts or heals the bridge's end: the host keeps its addresses, and nothing it sends leaves it. */
export async function setHostLink(layout: Layout, index: number, state: 'up' | 'down'): Promise<void> {
  await inWire(layout, [`link set ${linkName(layout.name, index)} ${state}`]);
}

/** Every link and namespace of the cluster, also of one that crashed half made. */
export async function removeUnderlay(layout: Layout): Promise<void> {
  await removeWire(layout);
  const list = (await tryCommand('ip', ['-json', 'netns', 'list'])) ?? '';
  const namespaces = list.trim() === '' ? [] : (JSON.parse(list) as { readonly name: string }[]);
  for (const { name } of namespaces) {
    if (name.startsWith(`${layout.name}-`)) await tryCommand('ip', ['netns', 'delete', name]);
  }
  await restoreNetnsDirectory(layout);
}
