import type { Service } from '../../api/generated/core-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { internalError, type StatusError } from '../../api/status-error.ts';
import { type Clock, toTime } from '../../base/clock.ts';
import { type Random, randomUuid } from '../../base/random.ts';
import { invalid, invalidError } from '../registry/field-error.ts';
import { needsClusterIp, needsNodePort } from '../registry/service-defaults.ts';
import type { StorageDelete, StorageWrite } from '../storage/storage.ts';
import type { Reservation, Reserver } from '../store/reservation.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import {
  addressRecord,
  type Owner,
  ownerOf,
  portRecord,
  type RecordKind,
  recordDelete,
  recordPut,
} from './allocation-record.ts';
import { type Ipv4Range, isAllocatable, toAddress } from './ipv4-range.ts';

export interface PortRange {
  readonly first: number;
  readonly last: number;
}

export interface ServiceReserverOptions {
  readonly cache: ReadCache;
  readonly addresses: Ipv4Range;
  readonly ports: PortRange;
  readonly kind: KindInfo;
  readonly clock: Clock;
  readonly random: Random;
}

/** Random tries before the whole range is searched. */
const randomTries = 32;
/** The lowest addresses are left to those who ask for one by name. @see KEP-3070 */
const staticBand = (size: number): number =>
  size <= 16 ? 1 : Math.min(Math.max(16, Math.floor(size / 16)), 256);

type ServiceObject = Service & AnyObject;

/** What an earlier plan has chosen itself and may choose anew. */
interface Chosen {
  readonly address: boolean;
  readonly ports: readonly number[];
  readonly healthCheck: boolean;
}

/** Cluster addresses and node ports of Services. */
export class ServiceReserver implements Reserver {
  readonly #options: ServiceReserverOptions;
  readonly #chosen = new WeakMap<AnyObject, Chosen>();

  constructor(options: ServiceReserverOptions) {
    this.#options = options;
  }

  async plan(next: AnyObject, current: AnyObject | undefined, attempt: number): Promise<Reservation> {
    // After a lost race the cache shall know the winner.
    if (attempt > 0) await this.#options.cache.waitCurrent();
    const service = next as ServiceObject;
    const before = current as ServiceObject | undefined;
    this.#undo(service);
    const writes: StorageWrite[] = [];
    const address = this.#planAddress(service, before, writes);
    const ports = this.#planPorts(service, before, writes);
    const healthCheck = this.#planHealthCheck(service, before, writes);
    this.#chosen.set(next, { address, ports, healthCheck });
    return { writes, releases: before === undefined ? [] : this.#freed(service, before) };
  }

  releasesOf(object: AnyObject): readonly StorageDelete[] {
    const service = object as ServiceObject;
    const { cache } = this.#options;
    return [
      ...addressesOf(service).flatMap((address) => recordDelete(cache, addressRecord, address)),
      ...portsOf(service).flatMap((port) => recordDelete(cache, portRecord, String(port))),
    ];
  }

  lost(): void {
    // The next plan waits for the cache, which then knows better.
  }

  #undo(service: ServiceObject): void {
    const chosen = this.#chosen.get(service);
    if (chosen === undefined) return;
    if (chosen.address) {
      delete service.spec.clusterIP;
      delete service.spec.clusterIPs;
    }
    if (chosen.healthCheck) delete service.spec.healthCheckNodePort;
    for (const port of service.spec.ports ?? [])
      if (port.nodePort !== undefined && chosen.ports.includes(port.nodePort)) delete port.nodePort;
  }

  /** Whether it has chosen the address itself. */
  #planAddress(service: ServiceObject, before: ServiceObject | undefined, writes: StorageWrite[]): boolean {
    const { spec } = service;
    const asked = spec.clusterIP ?? '';
    if (!needsClusterIp(spec) || asked === 'None') return false;
    if (asked !== '') {
      if (before?.spec.clusterIP === asked && needsClusterIp(before.spec)) return false;
      this.#requireFreeAddress(service, asked);
    }
    const address = asked === '' ? this.#chooseAddress() : asked;
    spec.clusterIP = address;
    spec.clusterIPs = [address];
    writes.push(this.#record(addressRecord, address, service));
    return asked === '';
  }

  #requireFreeAddress(service: ServiceObject, address: string): void {
    const refuse = (why: string): StatusError =>
      this.#refusal(service, [
        invalid('spec.clusterIPs', [address], `failed to allocate IP ${address}: ${why}`),
      ]);
    const { addresses } = this.#options;
    if (!isAllocatable(addresses, address))
      throw refuse('the provided network does not match the current range');
    if (this.#isTaken(addressRecord, address, service)) throw refuse('provided IP is already allocated');
  }

  #chooseAddress(): string {
    const { addresses, random } = this.#options;
    const low = staticBand(addresses.size);
    const span = addresses.size - 1 - low;
    const free = (offset: number): boolean =>
      !this.#isTaken(addressRecord, toAddress(addresses.first + offset), undefined);
    for (let attempt = 0; attempt < randomTries; attempt += 1) {
      const offset = low + Math.floor(random.next() * span);
      if (free(offset)) return toAddress(addresses.first + offset);
    }
    for (let offset = addresses.size - 2; offset > 0; offset -= 1)
      if (free(offset)) return toAddress(addresses.first + offset);
    throw internalError(new Error('failed to allocate a serviceIP: range is full'));
  }

  #planPorts(service: ServiceObject, before: ServiceObject | undefined, writes: StorageWrite[]): number[] {
    if (!needsNodePort(service.spec)) return [];
    const held = new Set(before === undefined ? [] : portsOf(before));
    const mine = new Map<number, number>();
    const chosen: number[] = [];
    for (const [at, port] of (service.spec.ports ?? []).entries()) {
      const asked = port.nodePort ?? 0;
      if (asked !== 0) {
        if (held.has(asked) || [...mine.values()].includes(asked)) continue;
        this.#requireFreePort(service, `spec.ports[${at}].nodePort`, asked);
      }
      // The same port over another protocol gets the same node port.
      const shared = asked === 0 ? mine.get(port.port) : undefined;
      const number = asked === 0 ? (shared ?? this.#choosePort([...mine.values(), ...held])) : asked;
      port.nodePort = number;
      if (asked === 0) chosen.push(number);
      mine.set(port.port, number);
      if (shared === undefined) writes.push(this.#record(portRecord, String(number), service));
    }
    return chosen;
  }

  #planHealthCheck(
    service: ServiceObject,
    before: ServiceObject | undefined,
    writes: StorageWrite[],
  ): boolean {
    const { spec } = service;
    if (spec.type !== 'LoadBalancer' || spec.externalTrafficPolicy !== 'Local') return false;
    const asked = spec.healthCheckNodePort ?? 0;
    if (asked !== 0 && before?.spec.healthCheckNodePort === asked) return false;
    if (asked !== 0) this.#requireFreePort(service, 'spec.healthCheckNodePort', asked);
    const number = asked === 0 ? this.#choosePort(portsOf(service)) : asked;
    spec.healthCheckNodePort = number;
    writes.push(this.#record(portRecord, String(number), service));
    return asked === 0;
  }

  #requireFreePort(service: ServiceObject, field: string, port: number): void {
    const { first, last } = this.#options.ports;
    if (port < first || port > last)
      throw this.#refusal(service, [
        invalid(
          field,
          port,
          `provided port is not in the valid range. The range of valid ports is ${first}-${last}`,
        ),
      ]);
    if (this.#isTaken(portRecord, String(port), service))
      throw this.#refusal(service, [invalid(field, port, 'provided port is already allocated')]);
  }

  #choosePort(except: readonly number[]): number {
    const { ports, random } = this.#options;
    const span = ports.last - ports.first + 1;
    const start = Math.floor(random.next() * span);
    for (let step = 0; step < span; step += 1) {
      const port = ports.first + ((start + step) % span);
      if (!except.includes(port) && !this.#isTaken(portRecord, String(port), undefined)) return port;
    }
    throw internalError(new Error('failed to allocate a nodePort: range is full'));
  }

  /** A record whose Service is gone, or has another address by now, holds nothing. */
  #isTaken(kind: RecordKind, name: string, asker: ServiceObject | undefined): boolean {
    const { cache } = this.#options;
    const record = cache.get(kind.resource, '', name);
    if (record === undefined) return false;
    const owner = ownerOf(record);
    if (owner === undefined || isSame(owner, asker)) return owner === undefined;
    const found = cache.get('/services', owner.namespace, owner.name);
    if (found === undefined) return false;
    const service = JSON.parse(found.json.toString()) as ServiceObject;
    return kind === addressRecord
      ? addressesOf(service).includes(name)
      : portsOf(service).includes(Number(name));
  }

  #record(kind: RecordKind, name: string, service: ServiceObject): StorageWrite {
    const owner = { namespace: service.metadata.namespace ?? '', name: service.metadata.name ?? '' };
    const version = this.#options.cache.get(kind.resource, '', name)?.version ?? 0;
    const { clock, random } = this.#options;
    return recordPut(kind, name, owner, { version, time: toTime(clock.nowMs()), uid: randomUuid(random) });
  }

  #freed(next: ServiceObject, before: ServiceObject): StorageDelete[] {
    const { cache } = this.#options;
    const addresses = addressesOf(before).filter((address) => !addressesOf(next).includes(address));
    const ports = portsOf(before).filter((port) => !portsOf(next).includes(port));
    return [
      ...addresses.flatMap((address) => recordDelete(cache, addressRecord, address)),
      ...ports.flatMap((port) => recordDelete(cache, portRecord, String(port))),
    ];
  }

  #refusal(service: ServiceObject, errors: Parameters<typeof invalidError>[2]): StatusError {
    return invalidError(this.#options.kind, service.metadata.name ?? '', errors);
  }
}

const isSame = (owner: Owner, service: ServiceObject | undefined): boolean =>
  service !== undefined &&
  owner.namespace === service.metadata.namespace &&
  owner.name === service.metadata.name;

function addressesOf({ spec }: ServiceObject): string[] {
  const all = [spec.clusterIP ?? '', ...(spec.clusterIPs ?? [])];
  return [...new Set(all)].filter((address) => address !== '' && address !== 'None');
}

function portsOf({ spec }: ServiceObject): number[] {
  const all = [...(spec.ports ?? []).map(({ nodePort }) => nodePort), spec.healthCheckNodePort];
  return [...new Set(all)].filter((port): port is number => port !== undefined && port !== 0);
}
