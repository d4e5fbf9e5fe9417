import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { byAddress } from '../address-order.ts';
import { canonicalJson } from '../structural-equality.ts';

/** As Kubernetes: an Endpoints object is cut at this number of addresses, and says so. */
const maxAddresses = 1_000;
const overCapacityAnnotation = 'endpoints.kubernetes.io/over-capacity';
const headlessLabel = 'service.kubernetes.io/headless';
const managedByLabel = 'endpoints.kubernetes.io/managed-by';

/** The older form of a service's slices: one object, addresses grouped by the ports that they share. */
export function planEndpointsObject(
  service: Service,
  slices: readonly EndpointSlice[],
): NewObject<Endpoints> {
  const groups = new Map<string, { readonly ports: EndpointPort[]; readonly endpoints: Endpoint[] }>();
  for (const slice of slices) {
    const ports = slice.ports ?? [];
    const key = canonicalJson(ports);
    const group = groups.get(key) ?? { ports, endpoints: [] };
    group.endpoints.push(...(slice.endpoints ?? []));
    groups.set(key, group);
  }
  let left = maxAddresses;
  const subsets: EndpointSubset[] = [];
  let total = 0;
  for (const { ports, endpoints } of groups.values()) {
    const shown = endpoints.filter(({ conditions }) => conditions?.terminating !== true);
    total += shown.length;
    const kept = shown.slice(0, left);
    left -= kept.length;
    if (kept.length > 0) subsets.push(toSubset(ports, kept));
  }
  const { metadata } = service;
  return {
    apiVersion: 'v1',
    kind: 'Endpoints',
    metadata: {
      name: metadata.name,
      namespace: metadata.namespace,
      labels: {
        ...metadata.labels,
        ...(service.spec.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
        [managedByLabel]: 'endpoint-controller',
      },
      ...(total > maxAddresses ? { annotations: { [overCapacityAnnotation]: 'truncated' } } : {}),
    },
    ...(subsets.length === 0 ? {} : { subsets }),
  };
}

function toSubset(ports: readonly EndpointPort[], endpoints: readonly Endpoint[]): EndpointSubset {
  const addresses = (ready: boolean): EndpointAddress[] =>
    endpoints
      .filter(({ conditions }) => (conditions?.ready !== false) === ready)
      .map(toAddress)
      .sort((a, b) => byAddress(a.ip, b.ip));
  const [ready, notReady] = [addresses(true), addresses(false)];
  return {
    ...(ready.length === 0 ? {} : { addresses: ready }),
    ...(notReady.length === 0 ? {} : { notReadyAddresses: notReady }),
    ...(ports.length === 0
      ? {}
      : {
          ports: ports.map(({ name, port, protocol, appProtocol }) => ({
            ...((name ?? '') === '' ? {} : { name }),
            port: port ?? 0,
            protocol,
            ...(appProtocol === undefined ? {} : { appProtocol }),
          })),
        }),
  };
}

function toAddress({ addresses, nodeName, hostname, targetRef }: Endpoint): EndpointAddress {
  return {
    ip: addresses[0] ?? '',
    ...(hostname === undefined ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}
