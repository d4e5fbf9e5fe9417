import type { Link, NetworkState } from './desired-network.ts';
import type { KernelState } from './kernel-state.ts';

/** Lines for `ip -batch` and `bridge -batch`, in the order in which they must run. */
export interface NetworkPlan {
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
}

/**
 * What turns the kernel's state into the desired one; nothing when they are equal.
 * Routes are written again as soon as a link was: the kernel drops them with it.
 */
export function planNetwork(desired: NetworkState, actual: KernelState): NetworkPlan {
  const rebuilt = new Set<string>();
  const ip = desired.links.flatMap((link) => planLink(link, actual, rebuilt));
  const lost = (entry: string): boolean => [...rebuilt].some((link) => entry.includes(` dev ${link}`));
  const missing = (want: readonly string[], have: readonly string[]): string[] =>
    want.filter((entry) => !have.includes(entry) || lost(entry));
  const surplus = (want: readonly string[], have: readonly string[]): string[] => {
    const wanted = new Set(want);
    return have.filter((entry) => !wanted.has(entry) && !lost(entry));
  };
  const foreign = (entry: string): boolean => entry.endsWith(' dev lo');
  ip.push(
    ...surplus(desired.addresses, actual.addresses)
      .filter((address) => !foreign(address))
      .map((address) => `addr del ${address}`),
    ...missing(desired.addresses, actual.addresses).map((address) => `addr replace ${address}`),
    ...surplus(desired.routes, actual.routes).map((route) => `route del ${route}`),
    ...missing(desired.routes, actual.routes).map((route) => `route replace ${route}`),
    ...surplus(desired.neighbours, actual.neighbours).map((entry) => `neigh del ${entry}`),
    ...missing(desired.neighbours, actual.neighbours).map((entry) => `neigh replace ${entry} nud permanent`),
  );
  return {
    ip,
    bridge: [
      ...surplus(desired.forwarding, actual.forwarding).map((entry) => `fdb del ${entry} self`),
      ...missing(desired.forwarding, actual.forwarding).map((entry) => `fdb replace ${entry} self permanent`),
    ],
  };
}

function planLink(link: Link, actual: KernelState, rebuilt: Set<string>): string[] {
  const present = actual.links.find((candidate) => candidate.name === link.name);
  const create = [
    `link add ${link.name} mtu ${link.mtu} address ${link.mac} type ${link.kind} ${link.typeArguments}`.trim(),
    `link set ${link.name} addrgenmode none`,
    `link set ${link.name} up`,
  ];
  if (present === undefined) {
    rebuilt.add(link.name);
    return create;
  }
  if (present.kind === 'bridge' && link.kind === 'bridge') return planBridge(link, present, actual);
  if (present.kind !== link.kind || present.typeArguments !== link.typeArguments) {
    rebuilt.add(link.name);
    return [`link del ${link.name}`, ...create];
  }
  return planAttributes(link, present, actual);
}

/** A bridge is never made anew while it exists: pods hang on it. */
function planBridge(link: Link, present: Link, actual: KernelState): string[] {
  const type =
    present.typeArguments === link.typeArguments
      ? []
      : [`link set ${link.name} type bridge ${link.typeArguments}`];
  return [...type, ...planAttributes(link, present, actual)];
}

function planAttributes(link: Link, present: Link, actual: KernelState): string[] {
  return [
    ...(present.mac === link.mac ? [] : [`link set ${link.name} address ${link.mac}`]),
    ...(present.mtu === link.mtu ? [] : [`link set ${link.name} mtu ${link.mtu}`]),
    ...(actual.linksUp.has(link.name) ? [] : [`link set ${link.name} up`]),
  ];
}
