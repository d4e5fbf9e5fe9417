import type { EndpointAddress, EndpointSubset, Endpoints, Service } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpoints as endpointsType } from '../../api/generated/resources.ts';
import type { NewObject } from '../../api/kind-info.ts';
import { toControllerReference } from '../ownership.ts';
import { canonicalJson, isSame } from '../structural-equality.ts';

const serviceNameLabel = 'kubernetes.io/service-name';
const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
const managedByMirror = 'endpointslicemirroring-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';
const skipLabel = 'endpointslice.kubernetes.io/skip-mirror';
const leaderAnnotation = 'control-plane.alpha.kubernetes.io/leader';
/** Notes about the Endpoints object itself. */
const ownAnnotations = new Set([
  'endpoints.kubernetes.io/last-change-trigger-time',
  'kubectl.kubernetes.io/last-applied-configuration',
]);

/** As Kubernetes: of one subset so many addresses are mirrored at most. */
const maxAddresses = 1_000;

export interface MirrorPlan {
  readonly toCreate: readonly NewObject<EndpointSlice>[];
  readonly toUpdate: readonly EndpointSlice[];
  readonly toDelete: readonly EndpointSlice[];
}

export function isMirrored(slice: EndpointSlice): boolean {
  return slice.metadata.labels?.[managedByLabel] === managedByMirror;
}

/** Endpoints that somebody made by hand for a service without a selector. */
export function wantsMirror(endpoints: Endpoints | undefined, service: Service | undefined): boolean {
  if (endpoints === undefined || service === undefined) return false;
  const { labels, annotations, deletionTimestamp } = endpoints.metadata;
  if (deletionTimestamp !== undefined || labels?.[skipLabel] === 'true') return false;
  return (
    annotations?.[leaderAnnotation] === undefined && Object.keys(service.spec.selector ?? {}).length === 0
  );
}

/** The writes that bring the mirrored slices of a service to what `endpoints` says; undefined: none shall be left. */
export function planMirror(endpoints: Endpoints | undefined, existing: readonly EndpointSlice[]): MirrorPlan {
  const wanted = endpoints === undefined ? [] : wantedSlices(endpoints);
  const free = [...existing];
  const toCreate: NewObject<EndpointSlice>[] = [];
  const toUpdate: EndpointSlice[] = [];
  for (const slice of wanted) {
    const same = free.findIndex(
      (other) => other.addressType === slice.addressType && isSame(other.ports, slice.ports),
    );
    const at = same >= 0 ? same : free.findIndex((other) => other.addressType === slice.addressType);
    const [base] = at < 0 ? [] : free.splice(at, 1);
    if (base === undefined) toCreate.push(slice);
    else if (differs(base, slice))
      toUpdate.push({ ...slice, metadata: { ...base.metadata, ...withoutGenerateName(slice) } });
  }
  return { toCreate, toUpdate, toDelete: free };
}

function withoutGenerateName({ metadata }: NewObject<EndpointSlice>): Omit<typeof metadata, 'generateName'> {
  const { generateName: _name, ...rest } = metadata;
  return rest;
}

function differs(slice: EndpointSlice, wanted: NewObject<EndpointSlice>): boolean {
  const { metadata } = slice;
  return !(
    isSame(slice.endpoints, wanted.endpoints) &&
    isSame(slice.ports, wanted.ports) &&
    isSame(metadata.labels, wanted.metadata.labels) &&
    isSame(metadata.annotations ?? {}, wanted.metadata.annotations)
  );
}

/** One slice for each set of ports and kind of address. */
function wantedSlices(endpoints: Endpoints): NewObject<EndpointSlice>[] {
  const groups = new Map<
    string,
    { ports: EndpointPort[]; endpoints: Endpoint[]; addressType: 'IPv4' | 'IPv6' }
  >();
  for (const subset of endpoints.subsets ?? []) {
    const ports = portsOf(subset);
    for (const endpoint of endpointsOf(subset)) {
      const addressType = endpoint.addresses[0]?.includes(':') === true ? 'IPv6' : 'IPv4';
      const key = `${addressType} ${canonicalJson(ports)}`;
      const group = groups.get(key) ?? { ports, endpoints: [], addressType };
      groups.set(key, group);
      group.endpoints.push(endpoint);
    }
  }
  return [...groups.values()].map((group) => ({
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: metadataOf(endpoints),
    ...group,
  }));
}

function metadataOf(endpoints: Endpoints): NewObject<EndpointSlice>['metadata'] {
  const { name, namespace, labels = {}, annotations = {} } = endpoints.metadata;
  const { [headlessLabel]: _headless, ...own } = labels;
  return {
    generateName: `${name}-`,
    namespace,
    labels: { ...own, [serviceNameLabel]: name, [managedByLabel]: managedByMirror },
    annotations: Object.fromEntries(Object.entries(annotations).filter(([key]) => !ownAnnotations.has(key))),
    ownerReferences: [toControllerReference(endpointsType, endpoints)],
  };
}

function portsOf({ ports = [] }: EndpointSubset): EndpointPort[] {
  return ports.map(({ name = '', port, protocol = 'TCP', appProtocol }) => ({
    ...{ name, port, protocol },
    ...(appProtocol === undefined ? {} : { appProtocol }),
  }));
}

function endpointsOf({ addresses = [], notReadyAddresses = [] }: EndpointSubset): Endpoint[] {
  const all = [
    ...addresses.map((address) => toEndpoint(address, true)),
    ...notReadyAddresses.map((address) => toEndpoint(address, false)),
  ];
  return all.slice(0, maxAddresses);
}

function toEndpoint({ ip, hostname, nodeName, targetRef }: EndpointAddress, ready: boolean): Endpoint {
  return {
    addresses: [ip],
    conditions: { ready },
    ...(hostname === undefined || hostname === '' ? {} : { hostname }),
    ...(nodeName === undefined ? {} : { nodeName }),
    ...(targetRef === undefined ? {} : { targetRef }),
  };
}
