import type { Container, PodSpec } from '../../api/generated/core-v1.ts';
import { formatBytes, formatMillis, toMillis, toUnits } from '../../api/quantity.ts';

/** Amounts of compute resources. `scalars` holds huge pages and extended resources, in whole units. */
export interface Resources {
  readonly cpuMillis: number;
  readonly memoryBytes: number;
  readonly ephemeralStorageBytes: number;
  readonly scalars: ReadonlyMap<string, number>;
}

export const noScalars: ReadonlyMap<string, number> = new Map();

export const noResources: Resources = {
  cpuMillis: 0,
  memoryBytes: 0,
  ephemeralStorageBytes: 0,
  scalars: noScalars,
};

/** As a quantity of the API. */
export function amountText(resource: string, value: number): string {
  if (resource === 'cpu') return formatMillis(value);
  return resource === 'memory' || resource === 'ephemeral-storage' ? formatBytes(value) : String(value);
}

type QuantityList = Readonly<Record<string, string>>;

/** A resource list of the API, such as a node's allocatable. `pods` is counted apart and left out. */
export function toResources(list: QuantityList | undefined): Resources {
  if (list === undefined) return noResources;
  const scalars = new Map<string, number>();
  for (const [name, quantity] of Object.entries(list))
    if (columnOf(name) === undefined && name !== 'pods') scalars.set(name, toUnits(quantity));
  return {
    cpuMillis: toMillis(list['cpu'] ?? '0'),
    memoryBytes: toUnits(list['memory'] ?? '0'),
    ephemeralStorageBytes: toUnits(list['ephemeral-storage'] ?? '0'),
    scalars: scalars.size === 0 ? noScalars : scalars,
  };
}

/** Place among the basic resources; undefined for one of the `scalars`. */
export function columnOf(name: string): 0 | 1 | 2 | undefined {
  switch (name) {
    case 'cpu':
      return 0;
    case 'memory':
      return 1;
    case 'ephemeral-storage':
      return 2;
    default:
      return undefined;
  }
}

export function addResources(left: Resources, right: Resources): Resources {
  return combine(left, right, (a, b) => a + b);
}

/** A sum of resources that is kept up to date in place. */
export class ResourceSum implements Resources {
  cpuMillis = 0;
  memoryBytes = 0;
  ephemeralStorageBytes = 0;
  scalars: ReadonlyMap<string, number> = noScalars;

  add(resources: Resources, times: number): void {
    this.cpuMillis += times * resources.cpuMillis;
    this.memoryBytes += times * resources.memoryBytes;
    this.ephemeralStorageBytes += times * resources.ephemeralStorageBytes;
    if (resources.scalars.size > 0) this.scalars = addScalars(this.scalars, resources.scalars, times);
  }
}

export const addScalars = (
  sum: ReadonlyMap<string, number>,
  scalars: ReadonlyMap<string, number>,
  times: number,
): ReadonlyMap<string, number> => combineScalars(sum, scalars, (a, b) => a + times * b);

function maxResources(left: Resources, right: Resources): Resources {
  return combine(left, right, Math.max);
}

function combine(left: Resources, right: Resources, of: (a: number, b: number) => number): Resources {
  return {
    cpuMillis: of(left.cpuMillis, right.cpuMillis),
    memoryBytes: of(left.memoryBytes, right.memoryBytes),
    ephemeralStorageBytes: of(left.ephemeralStorageBytes, right.ephemeralStorageBytes),
    scalars: combineScalars(left.scalars, right.scalars, of),
  };
}

function combineScalars(
  left: ReadonlyMap<string, number>,
  right: ReadonlyMap<string, number>,
  of: (a: number, b: number) => number,
): ReadonlyMap<string, number> {
  if (left.size === 0 && right.size === 0) return noScalars;
  const names = new Set([...left.keys(), ...right.keys()]);
  return new Map([...names].map((name) => [name, of(left.get(name) ?? 0, right.get(name) ?? 0)]));
}

/**
 * What a pod takes of a node: the greater of what its containers and sidecars need together and what any init
 * container needs beside the sidecars started before it, plus the runtime class's overhead. Requests of the pod as a
 * whole, where given, replace the sum.
 * @see KEP-753 (sidecars), KEP-2837 (pod-level resources)
 */
export function podRequests(spec: PodSpec): Resources {
  const perContainer = aggregate(spec, (container) => toResources(container.resources?.requests));
  const wholePod = spec.resources?.requests;
  const requested = wholePod === undefined ? perContainer : override(perContainer, wholePod);
  return addResources(requested, toResources(spec.overhead));
}

/** For scores only: a container that requests nothing is taken to use this much. As in Kubernetes. */
const unstatedCpuMillis = 100;
const unstatedMemoryBytes = 200 * 1024 * 1024;

/** As `podRequests`, with an assumption where a container requests no CPU or memory. */
export function podEstimate(spec: PodSpec): Resources {
  const assumed = aggregate(spec, ({ resources }) => {
    const requests = toResources(resources?.requests);
    return {
      ...requests,
      // One that says 0 means it.
      cpuMillis: resources?.requests?.['cpu'] === undefined ? unstatedCpuMillis : requests.cpuMillis,
      memoryBytes: resources?.requests?.['memory'] === undefined ? unstatedMemoryBytes : requests.memoryBytes,
    };
  });
  const wholePod = spec.resources?.requests;
  const estimate = wholePod === undefined ? assumed : override(assumed, wholePod);
  return addResources(estimate, toResources(spec.overhead));
}

function aggregate(spec: PodSpec, requestsOf: (container: Container) => Resources): Resources {
  let sidecars = noResources;
  let peakOfInit = noResources;
  for (const container of spec.initContainers ?? []) {
    const needed = addResources(sidecars, requestsOf(container));
    if (container.restartPolicy === 'Always') sidecars = needed;
    peakOfInit = maxResources(peakOfInit, needed);
  }
  let running = sidecars;
  for (const container of spec.containers) running = addResources(running, requestsOf(container));
  return maxResources(running, peakOfInit);
}

function override(requested: Resources, wholePod: QuantityList): Resources {
  const stated = toResources(wholePod);
  return {
    cpuMillis: wholePod['cpu'] === undefined ? requested.cpuMillis : stated.cpuMillis,
    memoryBytes: wholePod['memory'] === undefined ? requested.memoryBytes : stated.memoryBytes,
    ephemeralStorageBytes: requested.ephemeralStorageBytes,
    scalars:
      stated.scalars.size === 0 ? requested.scalars : new Map([...requested.scalars, ...stated.scalars]),
  };
}
