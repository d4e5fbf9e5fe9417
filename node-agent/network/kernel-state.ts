import { bridgeName, type LocalNode, type NetworkState, vxlanName } from './desired-network.ts';
import type { KernelCommands } from './kernel-commands.ts';

/** What `ip -j -d link` and `addr` print of a link, as far as it is read here. */
interface LinkJson {
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly mtu: number;
  readonly address?: string;
  readonly linkinfo?: {
    readonly info_kind?: string;
    readonly info_data?: Readonly<Record<string, unknown>>;
  };
  readonly addr_info?: readonly {
    readonly family: string;
    readonly local: string;
    readonly prefixlen: number;
  }[];
}

interface RouteJson {
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly prefsrc?: string;
  readonly protocol?: string;
  readonly flags?: readonly string[];
}

/** Our part of the kernel's state in the words of `NetworkState`, and what links there are besides. */
export interface KernelState extends NetworkState {
  readonly linksUp: ReadonlySet<string>;
  readonly allLinks: ReadonlySet<string>;
  readonly underlay: LocalNode['underlay'] | undefined;
}

const batch = ['-j', '-d', '-batch', '-'];

export async function readKernelState(commands: KernelCommands, nodeIp: string): Promise<KernelState> {
  const text = await commands.run(['ip', ...batch], 'addr show\nroute show\nneigh show nud permanent\n');
  // One JSON array for each command of the batch, each on a line of its own.
  const [links = '[]', routes = '[]', neighbours = '[]'] = text
    .split('\n')
    .filter((line) => line.startsWith('['));
  const hasVxlan = parse<LinkJson>(links).some((link) => link.ifname === vxlanName);
  const fdb = hasVxlan ? await commands.run(['bridge', '-j', 'fdb', 'show', 'dev', vxlanName]) : '[]';
  return toKernelState({ links, routes, neighbours, fdb }, nodeIp);
}

/** @param json the output of `ip -j -d addr`, `route`, `neigh` and of `bridge -j fdb`. */
export function toKernelState(
  json: {
    readonly links: string;
    readonly routes: string;
    readonly neighbours: string;
    readonly fdb: string;
  },
  nodeIp: string,
): KernelState {
  const links = parse<LinkJson>(json.links);
  const ours = links.filter((link) => link.ifname === bridgeName || link.ifname === vxlanName);
  const holder = links.find((link) => link.addr_info?.some((address) => address.local === nodeIp));
  return {
    links: ours.map((link) => ({
      name: link.ifname,
      kind: link.linkinfo?.info_kind === 'vxlan' ? 'vxlan' : 'bridge',
      mac: link.address ?? '',
      mtu: link.mtu,
      typeArguments: typeArgumentsOf(link),
    })),
    addresses: links.flatMap(addressesOf),
    routes: parse<RouteJson>(json.routes).filter(isOurs).map(routeOf),
    neighbours: parse<{ dst: string; lladdr: string; dev: string }>(json.neighbours)
      .filter((entry) => entry.dev === vxlanName)
      .map((entry) => `${entry.dst} lladdr ${entry.lladdr} dev ${entry.dev}`),
    forwarding: parse<{ mac: string; dst?: string }>(json.fdb)
      .filter((entry) => entry.dst !== undefined && entry.mac !== '00:00:00:00:00:00')
      .map((entry) => `${entry.mac} dev ${vxlanName} dst ${entry.dst}`),
    linksUp: new Set(links.filter((link) => link.flags.includes('UP')).map((link) => link.ifname)),
    allLinks: new Set(links.map((link) => link.ifname)),
    underlay: holder === undefined ? undefined : { name: holder.ifname, mtu: holder.mtu },
  };
}

function parse<T>(json: string): T[] {
  const value: unknown = JSON.parse(json.trim() === '' ? '[]' : json);
  if (!Array.isArray(value)) throw new TypeError('iproute2 printed something else than a list');
  return value as T[];
}

function typeArgumentsOf(link: LinkJson): string {
  const detail = link.linkinfo?.info_data ?? {};
  if (link.linkinfo?.info_kind === 'vxlan') {
    const learning = detail['learning'] === false ? 'nolearning' : 'learning';
    const { id, port, local, link: device } = detail;
    return `id ${id} dstport ${port} local ${local} dev ${device} ${learning}`;
  }
  return `nf_call_iptables ${detail['nf_call_iptables']} mcast_snooping ${detail['mcast_snooping']}`;
}

function addressesOf(link: LinkJson): string[] {
  const addresses = (link.addr_info ?? []).filter((address) => address.family === 'inet');
  const kept =
    link.ifname === 'lo' ? addresses.filter((address) => address.local !== '127.0.0.1') : addresses;
  if (link.ifname !== 'lo' && link.ifname !== bridgeName && link.ifname !== vxlanName) return [];
  return kept.map((address) => `${address.local}/${address.prefixlen} dev ${link.ifname}`);
}

/** Routes of our links that the kernel did not make by itself. */
function isOurs(route: RouteJson): boolean {
  return (route.dev === bridgeName || route.dev === vxlanName) && route.protocol !== 'kernel';
}

function routeOf(route: RouteJson): string {
  const via = route.gateway === undefined ? '' : ` via ${route.gateway}`;
  const source = route.prefsrc === undefined ? '' : ` src ${route.prefsrc}`;
  return `${route.dst}${via} dev ${route.dev}${route.flags?.includes('onlink') === true ? ' onlink' : ''}${source}`;
}
