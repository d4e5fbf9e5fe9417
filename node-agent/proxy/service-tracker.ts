import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import type { InformerHandler } from '../../client/informer.ts';
import { AddressIndex } from './address-index.ts';

/** A service and everything that says where it is served. */
export interface ServiceView {
  /** `namespace/name` */
  readonly key: string;
  readonly service: Service;
  readonly slices: readonly EndpointSlice[];
}

/** The follower's side of an informer. */
export interface Followed<T> {
  addHandler(handler: InformerHandler<T>): unknown;
  readonly hasSynced: boolean;
  readonly lastResourceVersion: string | undefined;
}

const serviceNameLabel = 'kubernetes.io/service-name';

/** Joins services with their endpoint slices, and tells listeners which service has changed. */
export class ServiceTracker {
  readonly #services = new Map<string, Service>();
  readonly #slices = new Map<string, Map<string, EndpointSlice>>();
  /** Endpoint addresses of all services. */
  readonly addresses: AddressIndex = new AddressIndex();
  readonly #listeners = new Set<(serviceKey: string) => void>();
  readonly #goneListeners = new Set<(ip: string) => void>();
  readonly #sources: {
    readonly services: Followed<Service>;
    readonly endpointSlices: Followed<EndpointSlice>;
  };

  constructor(sources: {
    readonly services: Followed<Service>;
    readonly endpointSlices: Followed<EndpointSlice>;
  }) {
    this.#sources = sources;
  }

  /** Begins to follow. Listeners are added before. */
  start(): void {
    const { services, endpointSlices } = this.#sources;
    services.addHandler({
      onAdd: (service) => this.#setService(service),
      onUpdate: (_, service) => this.#setService(service),
      onDelete: (service) => this.#dropService(service),
    });
    endpointSlices.addHandler({
      onAdd: (slice) => this.#setSlice(slice),
      onUpdate: (previous, slice) => {
        if (serviceKeyOf(previous) !== serviceKeyOf(slice)) this.#dropSlice(previous);
        this.#setSlice(slice);
      },
      onDelete: (slice) => this.#dropSlice(slice),
    });
  }

  get hasSynced(): boolean {
    return this.#sources.services.hasSynced && this.#sources.endpointSlices.hasSynced;
  }

  /** The last EndpointSlice version that views show; 0 before the first list. */
  get version(): number {
    return Number(this.#sources.endpointSlices.lastResourceVersion ?? 0);
  }

  onChange(listener: (serviceKey: string) => void): void {
    this.#listeners.add(listener);
  }

  /** Told when an address has left the slices of a service that is still there: its pod is gone. */
  onAddressGone(listener: (ip: string) => void): void {
    this.#goneListeners.add(listener);
  }

  view(key: string): ServiceView | undefined {
    const service = this.#services.get(key);
    return service && { key, service, slices: [...(this.#slices.get(key)?.values() ?? [])] };
  }

  keys(): string[] {
    return [...this.#services.keys()];
  }

  #tell(key: string): void {
    for (const listener of this.#listeners) listener(key);
  }

  #tellGone(key: string, ips: readonly string[]): void {
    if (!this.#services.has(key)) return;
    for (const ip of ips) for (const listener of this.#goneListeners) listener(ip);
  }

  #setService(service: Service): void {
    const key = keyOf(service);
    this.#services.set(key, service);
    this.#tell(key);
  }

  #dropService(service: Service): void {
    const key = keyOf(service);
    this.#services.delete(key);
    this.#tell(key);
  }

  #setSlice(slice: EndpointSlice): void {
    const key = serviceKeyOf(slice);
    if (key === undefined) return;
    const slices = this.#slices.get(key) ?? new Map<string, EndpointSlice>();
    const gone = this.addresses.replace(slices.get(slice.metadata.name), slice);
    this.#slices.set(key, slices.set(slice.metadata.name, slice));
    this.#tellGone(key, gone);
    this.#tell(key);
  }

  #dropSlice(slice: EndpointSlice): void {
    const key = serviceKeyOf(slice);
    const slices = key === undefined ? undefined : this.#slices.get(key);
    if (key === undefined || slices === undefined) return;
    this.#tellGone(key, this.addresses.replace(slices.get(slice.metadata.name), undefined));
    slices.delete(slice.metadata.name);
    if (slices.size === 0) this.#slices.delete(key);
    this.#tell(key);
  }
}

function keyOf(service: Service): string {
  return `${service.metadata.namespace ?? ''}/${service.metadata.name}`;
}

function serviceKeyOf(slice: EndpointSlice): string | undefined {
  const name = slice.metadata.labels?.[serviceNameLabel];
  return name === undefined ? undefined : `${slice.metadata.namespace ?? ''}/${name}`;
}
