import { expect, test } from 'vitest';
import { desiredNetwork, type LocalNode, type NetworkState, type Peer } from './desired-network.ts';
import type { KernelState } from './kernel-state.ts';
import { planNetwork } from './plan-network.ts';

const local: LocalNode = {
  nodeIp: '192.0.2.1',
  podCidr: '10.244.1.0/24',
  serviceCidr: '10.96.0.0/12',
  clusterDns: '10.96.0.10',
  underlay: { name: 'eth0', mtu: 1500 },
};
const peer: Peer = { nodeName: 'b', nodeIp: '192.0.2.2', podCidr: '10.244.2.0/24' };

function asKernel(state: Partial<NetworkState>): KernelState {
  const links = state.links ?? [];
  return {
    links,
    addresses: [],
    routes: [],
    neighbours: [],
    forwarding: [],
    ...state,
    linksUp: new Set(links.map((link) => link.name)),
    allLinks: new Set(links.map((link) => link.name)),
    underlay: local.underlay,
  };
}

test('nothing is done when the kernel is as desired', () => {
  const desired = desiredNetwork(local, [peer]);
  expect(planNetwork(desired, asKernel(desired))).toEqual({ ip: [], bridge: [] });
});

test('an empty host gets links, addresses, routes and one entry of each kind for a peer', () => {
  const plan = planNetwork(desiredNetwork(local, [peer]), asKernel({}));
  expect(plan.ip).toContain('addr replace 10.244.1.1/24 dev crc0');
  expect(plan.ip).toContain('route replace 10.244.2.0/24 via 10.244.2.0 dev crcvx onlink');
  expect(plan.ip).toContain('neigh replace 10.244.2.0 lladdr 0e:c0:c0:00:02:02 dev crcvx nud permanent');
  expect(plan.bridge).toEqual(['fdb replace 0e:c0:c0:00:02:02 dev crcvx dst 192.0.2.2 self permanent']);
});

test('a peer that left takes its entries with it', () => {
  const plan = planNetwork(desiredNetwork(local, []), asKernel(desiredNetwork(local, [peer])));
  expect(plan.ip).toEqual([
    'route del 10.244.2.0/24 via 10.244.2.0 dev crcvx onlink',
    'neigh del 10.244.2.0 lladdr 0e:c0:c0:00:02:02 dev crcvx',
  ]);
  expect(plan.bridge).toEqual(['fdb del 0e:c0:c0:00:02:02 dev crcvx dst 192.0.2.2 self']);
});

test('a tunnel with another local address is made anew with all that hangs on it, the bridge is not', () => {
  const before = desiredNetwork({ ...local, nodeIp: '192.0.2.9' }, [peer]);
  const plan = planNetwork(desiredNetwork(local, [peer]), asKernel(before));
  expect(plan.ip[0]).toBe('link del crcvx');
  expect(plan.ip).toContain('route replace 10.244.2.0/24 via 10.244.2.0 dev crcvx onlink');
  expect(plan.ip.some((line) => line.includes('link del crc0'))).toBe(false);
  expect(plan.bridge).toHaveLength(1);
});

test('addresses of others on lo stay', () => {
  const desired = desiredNetwork(local, []);
  const actual = asKernel({ ...desired, addresses: [...desired.addresses, '192.0.2.53/32 dev lo'] });
  expect(planNetwork(desired, actual).ip).toEqual([]);
});
