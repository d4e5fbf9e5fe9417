import { noDomain } from '../framework/plugin.ts';
import { Chains } from './chains.ts';

/** The domains of one topology key: which nodes share a value. Domains are numbered; numbers are used again. */
export class Topology {
  readonly key: string;
  /** The slots in each domain. */
  readonly slots: Pick<Chains, 'first' | 'next'>;
  readonly #numbers = new Map<string, number>();
  readonly #values: string[] = [];
  readonly #chains = new Chains();
  readonly #free: number[] = [];
  readonly #domainOfSlot: number[] = [];

  constructor(key: string) {
    this.key = key;
    this.slots = this.#chains;
  }

  get domainCount(): number {
    return this.#numbers.size;
  }

  domainOf(slot: number): number {
    return this.#domainOfSlot[slot] ?? noDomain;
  }

  /** Puts a node into the domain of `value`; undefined into none. */
  place(slot: number, value: string | undefined): void {
    const before = this.domainOf(slot);
    if (before !== noDomain && this.#values[before] === value) return;
    if (before !== noDomain) this.#leave(before, slot);
    this.#domainOfSlot[slot] = value === undefined ? noDomain : this.#join(value, slot);
  }

  #join(value: string, slot: number): number {
    const domain = this.#numbers.get(value) ?? this.#free.pop() ?? this.#values.length;
    this.#numbers.set(value, domain);
    this.#values[domain] = value;
    this.#chains.add(domain, slot);
    return domain;
  }

  #leave(domain: number, slot: number): void {
    this.#chains.remove(domain, slot);
    if (!this.#chains.isEmpty(domain)) return;
    this.#numbers.delete(this.#values[domain] ?? '');
    this.#values[domain] = '';
    this.#free.push(domain);
  }
}
