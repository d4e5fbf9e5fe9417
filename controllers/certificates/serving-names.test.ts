import { describe, expect, it } from 'vitest';
import type { Node, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { internalAddresses } from '../shared-informers.ts';
import { mayServeAs } from './serving-names.ts';

const metadata = (name: string) => ({ name, uid: name, resourceVersion: '1', creationTimestamp: '' });
const aNode = (name: string, ...addresses: string[]): Node => ({
  ...{ apiVersion: 'v1', kind: 'Node', metadata: metadata(name), spec: {} },
  status: {
    addresses: [
      ...addresses.map((address) => ({ type: 'InternalIP', address })),
      { type: 'Hostname', address: 'kubernetes.default.svc' },
    ],
  },
});
const apiServers: EndpointSlice = {
  ...{ apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice', metadata: metadata('kubernetes') },
  ...{ addressType: 'IPv4', endpoints: [{ addresses: ['10.0.0.100'] }] },
};
const service: Service = {
  ...{ apiVersion: 'v1', kind: 'Service', metadata: metadata('kubernetes') },
  spec: { clusterIPs: ['10.96.0.1'] },
};
const listed = <T extends Node | Service | EndpointSlice>(
  objects: readonly T[],
  addressesOf: (object: T) => readonly string[] = () => [],
) => ({
  lister: {
    byIndex: (_index: string, address: string) =>
      objects.filter((object) => addressesOf(object).includes(address)),
    get: (_namespace: string | undefined, name: string) =>
      objects.find((object) => object.metadata.name === name),
  },
});
const clusterOf = (...nodes: Node[]) => ({
  nodes: listed(nodes, internalAddresses),
  services: listed([service], ({ spec }) => spec.clusterIPs ?? []),
  endpointSlices: listed([apiServers]),
});

describe('a serving certificate', () => {
  const mine = clusterOf(aNode('host-1', '10.0.0.1'), aNode('host-2', '10.0.0.2'));
  it.each([
    ['its name and its address', 'host-1', ['host-1'], ['10.0.0.1'], true],
    ['its address', 'host-1', [], ['10.0.0.1'], true],
    ['the name of another node', 'host-1', ['host-2'], ['10.0.0.1'], false],
    ['a name that its status has', 'host-1', ['kubernetes.default.svc'], ['10.0.0.1'], false],
    ['an address that it has not', 'host-1', [], ['10.0.0.9'], false],
    ['a node that is not there', 'host-9', ['host-9'], [], false],
  ])('for %s: node %s, %j %j -> %s', (_what, name, dnsNames, ipAddresses, expected) => {
    expect(mayServeAs(name, { dnsNames, ipAddresses }, mine)).toBe(expected);
  });

  it.each([
    ['of the API server', '10.0.0.100'],
    ['of a service', '10.96.0.1'],
    ['of another node', '10.0.0.2'],
    ['of the loopback', '127.0.0.1'],
  ])('is not for an address %s, whatever the status says', (_what, address) => {
    const lying = clusterOf(aNode('host-1', address), aNode('host-2', '10.0.0.2'));
    expect(mayServeAs('host-1', { dnsNames: [], ipAddresses: [address] }, lying)).toBe(false);
  });

  it.each([
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    'db.team.svc',
    'a.cluster.local',
    'localhost',
  ])('is not for a node that is called %s, as a service is', (name) => {
    const cluster = clusterOf(aNode(name, '10.0.0.1'));
    expect(mayServeAs(name, { dnsNames: [name], ipAddresses: [] }, cluster)).toBe(false);
    expect(mayServeAs(name, { dnsNames: [], ipAddresses: ['10.0.0.1'] }, cluster)).toBe(true);
  });
});
