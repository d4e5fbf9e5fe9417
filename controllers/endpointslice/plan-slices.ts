import type { Service } from '../../api/generated/core-v1.ts';
import type { Endpoint, EndpointPort, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpointslices, services } from '../../api/generated/resources.ts';
import { type NewObject, toApiVersion } from '../../api/kind-info.ts';
import { toControllerReference } from '../ownership.ts';
import { isSame } from '../structural-equality.ts';
import type { PlannedEndpoint } from './endpoint.ts';
import { endpointKey } from './endpoint-key.ts';
import { packEndpoints } from './packing.ts';
import { planPorts } from './ports.ts';

const serviceNameLabel = 'kubernetes.io/service-name';
export const managedByLabel = 'endpointslice.kubernetes.io/managed-by';
export const managedByUs = 'endpointslice-controller.k8s.io';
const headlessLabel = 'service.kubernetes.io/headless';
const triggerTimeAnnotation = 'endpoints.kubernetes.io/last-change-trigger-time';

export interface SlicePlan {
  readonly toCreate: readonly NewObject<EndpointSlice>[];
  readonly toUpdate: readonly EndpointSlice[];
  readonly toDelete: readonly EndpointSlice[];
}

/** Endpoints that share the same port numbers, and so may share slices. */
interface PortGroup {
  readonly ports: EndpointPort[];
  readonly endpoints: PlannedEndpoint[];
  readonly slices: EndpointSlice[];
}

/** The contents that a slice is to have; `slice` is the one that has room for them, if any. */
interface Content {
  readonly slice: EndpointSlice | undefined;
  readonly ports: EndpointPort[];
  readonly endpoints: Endpoint[];
}

/**
 * The fewest writes that bring a service's slices to `endpoints`. Endpoints stay in the slice that they are in, so one
 * pod's change rewrites one slice; a slice that is not needed any more is reused for one that is.
 */
export function planSlices(
  service: Service,
  endpoints: readonly PlannedEndpoint[],
  existing: readonly EndpointSlice[],
): SlicePlan {
  const groups = groupByPorts(service, endpoints, existing);
  const contents: Content[] = [];
  let unused: EndpointSlice[] = [];
  for (const { ports, endpoints: wanted, slices } of groups) {
    const packed = packEndpoints(
      wanted.map(({ endpoint }) => endpoint),
      slices,
    );
    contents.push(...packed.map(({ slice, endpoints: held }) => ({ slice, ports, endpoints: held })));
    unused.push(...slices.filter((slice) => packed.every((content) => content.slice !== slice)));
  }
  // A service without endpoints keeps one empty slice: readers see that there are none, instead of nothing.
  if (contents.length === 0) contents.push({ slice: undefined, ports: [], endpoints: [] });

  const changedAt = new TriggerTimes(endpoints);
  const labels = labelsFor(service);
  const toCreate: NewObject<EndpointSlice>[] = [];
  const toUpdate: EndpointSlice[] = [];
  for (const content of contents) {
    const base = content.slice ?? unused.shift();
    if (base !== undefined && hasContent(base, content, labels)) continue;
    const desired = toSlice(service, content, { base, labels, changedAt });
    if (base === undefined) toCreate.push(desired);
    else toUpdate.push({ ...desired, metadata: { ...base.metadata, ...desired.metadata } });
  }
  unused = unused.filter((slice) => slice.metadata.deletionTimestamp === undefined);
  return { toCreate, toUpdate, toDelete: unused };
}

function groupByPorts(
  service: Service,
  endpoints: readonly PlannedEndpoint[],
  existing: readonly EndpointSlice[],
): PortGroup[] {
  const groups = new Map<string, PortGroup>();
  const groupOf = (ports: EndpointPort[]): PortGroup => {
    const key = portsKey(ports);
    const group = groups.get(key) ?? { ports, endpoints: [], slices: [] };
    groups.set(key, group);
    return group;
  };
  const mayLackPorts = service.spec.clusterIP === 'None';
  for (const planned of endpoints) {
    const ports = planPorts(service, planned.pod);
    if (ports.length > 0 || mayLackPorts) groupOf(ports).endpoints.push(planned);
  }
  for (const slice of existing) groupOf(slice.ports ?? []).slices.push(slice);
  return [...groups.values()];
}

/** Ports in another order are other ports. */
const portsKey = (ports: readonly EndpointPort[]): string =>
  ports
    .map(({ name, port, protocol, appProtocol }) => [name, port, protocol, appProtocol].join(' '))
    .join(',');

/** When the pods of endpoints last changed; worked out only when a slice is written. */
class TriggerTimes {
  readonly #endpoints: readonly PlannedEndpoint[];
  #times: ReadonlyMap<string, string> | undefined;

  constructor(endpoints: readonly PlannedEndpoint[]) {
    this.#endpoints = endpoints;
  }

  of(endpoint: Endpoint): string | undefined {
    this.#times ??= new Map(
      this.#endpoints.flatMap(({ endpoint: planned, changedAt }) =>
        changedAt === undefined ? [] : [[endpointKey(planned), changedAt] as const],
      ),
    );
    return this.#times.get(endpointKey(endpoint));
  }
}

function toSlice(
  service: Service,
  content: Content,
  {
    base,
    labels,
    changedAt,
  }: {
    readonly base: EndpointSlice | undefined;
    readonly labels: Record<string, string>;
    readonly changedAt: TriggerTimes;
  },
): NewObject<EndpointSlice> {
  const before = new Map((base?.endpoints ?? []).map((endpoint) => [endpointKey(endpoint), endpoint]));
  const changed = content.endpoints
    .filter((endpoint) => !isSame(before.get(endpointKey(endpoint)), endpoint))
    .flatMap((endpoint) => changedAt.of(endpoint) ?? []);
  const triggered =
    changed.sort().at(0) ?? (base === undefined ? service.metadata.creationTimestamp : undefined);
  const { [triggerTimeAnnotation]: _old, ...annotations } = base?.metadata.annotations ?? {};
  return {
    apiVersion: toApiVersion(endpointslices) as 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      ...(base === undefined ? { generateName: `${service.metadata.name}-` } : {}),
      namespace: service.metadata.namespace,
      labels,
      annotations:
        triggered === undefined ? annotations : { ...annotations, [triggerTimeAnnotation]: triggered },
      ownerReferences: [toControllerReference(services, service)],
    },
    addressType: 'IPv4',
    ports: content.ports,
    endpoints: content.endpoints,
  };
}

function labelsFor(service: Service): Record<string, string> {
  const { [headlessLabel]: _headless, ...own } = service.metadata.labels ?? {};
  return {
    ...own,
    [serviceNameLabel]: service.metadata.name,
    [managedByLabel]: managedByUs,
    ...(service.spec.clusterIP === 'None' ? { [headlessLabel]: '' } : {}),
  };
}

function hasContent(slice: EndpointSlice, content: Content, labels: Record<string, string>): boolean {
  return (
    isSame(slice.endpoints ?? [], content.endpoints) &&
    isSame(slice.ports ?? [], content.ports) &&
    isSame(slice.metadata.labels, labels)
  );
}
