import type { Random } from '../../base/random.ts';
import { containsIpv4, type Ipv4Range, parseIpv4, parseIpv4Range } from '../network/ipv4.ts';
import {
  type Answer,
  addressData,
  authorityData,
  nameData,
  type Query,
  recordType,
  responseCode,
  reverseKey,
  serviceData,
  toKey,
  toLabels,
  toRecord,
} from './dns-message.ts';
import type { ServiceRecords } from './dns-records.ts';

/** How long clients may keep an answer, and that a name is not there. CoreDNS' default for Kubernetes. */
const ttlSeconds = 5;

interface Name {
  readonly answers: Map<number, readonly Buffer[]>;
  /** Targets of the SRV records: their addresses go along with the answer. */
  targets: readonly string[];
  /** Absolute target of an alias. */
  alias: string | undefined;
}

/** `elsewhere`: not our name, ask an upstream; `alias`: the answer has to be completed with the target's address. */
export type Lookup =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | { readonly kind: 'alias'; readonly answer: Answer; readonly target: string }
  | { readonly kind: 'elsewhere' };

/**
 * The cluster's names, with their answers ready: a lookup is one map access and a copy, about 2 us.
 *
 * INVARIANTS: a name exists exactly as long as a service owns it or one below it; a name that exists but has no record
 * of the type asked for is an empty answer, never a denial of the name (RFC 8020).
 */
export class DnsZone {
  readonly #domain: string;
  readonly #suffix: string;
  readonly #random: Random;
  readonly #names = new Map<string, Name>();
  /** How many owned names lie at or below a name. */
  readonly #branches = new Map<string, number>();
  readonly #owners = new Map<string, ServiceRecords>();
  readonly #authority: readonly Buffer[];
  #reverse: readonly Ipv4Range[] = [];

  /** @param serial of the SOA record; any number that rises with restarts */
  constructor(options: { readonly domain: string; readonly serial: number; readonly random: Random }) {
    this.#domain = options.domain;
    this.#suffix = toKey(options.domain);
    this.#random = options.random;
    const data = authorityData(options.domain, options.serial, ttlSeconds);
    this.#authority = [toRecord(recordType.soa, ttlSeconds, data, this.#suffix)];
    for (const branch of ['svc', 'pod']) this.#grow(toKey(`${branch}.${options.domain}`), 1);
  }

  get owners(): ReadonlyMap<string, ServiceRecords> {
    return this.#owners;
  }

  setReverse(cidrs: readonly string[]): void {
    this.#reverse = cidrs.map(parseIpv4Range);
  }

  /** Replaces what a service owns. Undefined takes it away. */
  set(owner: string, records: ServiceRecords | undefined): void {
    const before = this.#owners.get(owner);
    if (before !== undefined) this.#remove(before);
    if (records === undefined) this.#owners.delete(owner);
    else {
      this.#owners.set(owner, records);
      this.#add(records);
    }
  }

  lookup(query: Query): Lookup {
    const name = this.#names.get(query.key);
    if (name !== undefined) return this.#found(name, query);
    if (!query.key.endsWith(this.#suffix)) return this.#reverseLookup(query);
    if (query.key === this.#suffix) return this.#apex(query);
    const pod = this.#podAddress(query.key);
    if (pod !== undefined)
      return query.type === recordType.a
        ? this.#positive([toRecord(recordType.a, ttlSeconds, addressData(pod))])
        : this.#negative(responseCode.noError);
    return this.#negative(this.#branches.has(query.key) ? responseCode.noError : responseCode.nameError);
  }

  /** Addresses of one of our own names, for the rest of an alias' answer. */
  addressesOf(key: string): readonly Buffer[] {
    const records = this.#names.get(key)?.answers.get(recordType.a) ?? [];
    // Without the pointer to the question's name: the owner is another one here.
    return records.map((record) => Buffer.concat([Buffer.from(key, 'latin1'), record.subarray(2)]));
  }

  isOurs(key: string): boolean {
    return key.endsWith(this.#suffix);
  }

  #found(name: Name, query: Query): Lookup {
    if (name.alias !== undefined) {
      const answer = this.#positive(name.answers.get(recordType.cname) ?? []);
      if (query.type === recordType.cname) return answer;
      return { kind: 'alias', answer: answer.answer, target: name.alias };
    }
    const records = name.answers.get(query.type);
    if (records === undefined || records.length === 0) return this.#negative(responseCode.noError);
    if (query.type !== recordType.srv) return this.#positive(this.#rotated(records));
    return this.#positive(
      records,
      name.targets.flatMap((target) => this.addressesOf(target)),
    );
  }

  #positive(answers: readonly Buffer[], additional: readonly Buffer[] = []): Lookup & { kind: 'answer' } {
    return {
      kind: 'answer',
      answer: { code: responseCode.noError, isAuthoritative: true, answers, authority: [], additional },
    };
  }

  #negative(code: number): Lookup {
    const authority = this.#authority;
    return {
      kind: 'answer',
      answer: { code, isAuthoritative: true, answers: [], authority, additional: [] },
    };
  }

  #apex(query: Query): Lookup {
    if (query.type === recordType.soa || query.type === recordType.any)
      return this.#positive(this.#authority);
    return this.#negative(responseCode.noError);
  }

  /** Reverse names of the cluster's own networks are not asked elsewhere. */
  #reverseLookup(query: Query): Lookup {
    const labels = toLabels(query.key);
    if (labels.length !== 6 || labels[5] !== 'arpa' || labels[4] !== 'in-addr') return { kind: 'elsewhere' };
    const ip = labels.slice(0, 4).reverse().join('.');
    const isOurs = this.#reverse.some((range) => containsIpv4(range, ip));
    return isOurs ? this.#negative(responseCode.nameError) : { kind: 'elsewhere' };
  }

  /** `10-244-1-7.default.pod.<domain>` answers with the address that it spells, as CoreDNS' `pods insecure`. */
  #podAddress(key: string): string | undefined {
    const [host = '', , kind, ...rest] = toLabels(key);
    if (kind !== 'pod' || rest.join('.') !== this.#domain) return undefined;
    const ip = host.replaceAll('-', '.');
    return parseIpv4(ip) === undefined ? undefined : ip;
  }

  #rotated(records: readonly Buffer[]): readonly Buffer[] {
    if (records.length < 2) return records;
    const first = Math.floor(this.#random.next() * records.length);
    return [...records.slice(first), ...records.slice(0, first)];
  }

  #add(records: ServiceRecords): void {
    for (const [name, ips] of records.a) this.#put(this.#absolute(name), recordType.a, ips.map(addressData));
    for (const [name, targets] of records.srv) {
      const key = this.#absolute(name);
      const data = targets.map(([port, target]) => serviceData(port, `${target}.${this.#domain}`));
      this.#put(key, recordType.srv, data).targets = [
        ...new Set(targets.map(([, to]) => this.#absolute(to))),
      ];
    }
    for (const [ip, name] of records.ptr)
      this.#put(reverseKey(ip), recordType.ptr, [nameData(`${name}.${this.#domain}`)]);
    for (const [name, target] of records.cname)
      this.#put(this.#absolute(name), recordType.cname, [nameData(target)]).alias = target;
  }

  #remove(records: ServiceRecords): void {
    for (const [name] of [...records.a, ...records.srv, ...records.cname]) this.#cut(this.#absolute(name));
    for (const [ip] of records.ptr) this.#cut(reverseKey(ip));
  }

  #absolute(name: string): string {
    return toKey(`${name}.${this.#domain}`);
  }

  #put(key: string, type: number, data: readonly Buffer[]): Name {
    const name = this.#names.get(key) ?? { answers: new Map(), targets: [], alias: undefined };
    if (!this.#names.has(key)) this.#grow(key, 1);
    this.#names.set(key, name);
    name.answers.set(
      type,
      data.map((bytes) => toRecord(type, ttlSeconds, bytes)),
    );
    return name;
  }

  #cut(key: string): void {
    if (this.#names.delete(key)) this.#grow(key, -1);
  }

  /** Counts a name for itself and every name above it, up to the domain. */
  #grow(key: string, step: number): void {
    if (!key.endsWith(this.#suffix)) return;
    for (let at = key; at.length > this.#suffix.length; at = at.slice(at.charCodeAt(0) + 1)) {
      const count = (this.#branches.get(at) ?? 0) + step;
      if (count === 0) this.#branches.delete(at);
      else this.#branches.set(at, count);
    }
  }
}
