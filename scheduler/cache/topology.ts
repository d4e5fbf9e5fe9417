import { noDomain } from '../framework/plugin.ts';

/** The domains of one topology key: which nodes share a value. Domains are numbered; numbers are used again. */
export class Topology {
  readonly key: string;
  readonly #numbers = new Map<string, number>();
  readonly #values: string[] = [];
  readonly #slots: Set<number>[] = [];
  readonly #free: number[] = [];
  readonly #domainOfSlot: number[] = [];

  constructor(key: string) {
    this.key = key;
  }

  get domainCount(): number {
    return this.#numbers.size;
  }

  domainOf(slot: number): number {
    return this.#domainOfSlot[slot] ?? noDomain;
  }

  slotsIn(domain: number): ReadonlySet<number> {
    return this.#slots[domain] ?? nothing;
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
    const slots = this.#slots[domain] ?? new Set<number>();
    this.#slots[domain] = slots.add(slot);
    return domain;
  }

  #leave(domain: number, slot: number): void {
    const slots = this.#slots[domain];
    slots?.delete(slot);
    if (slots?.size !== 0) return;
    this.#numbers.delete(this.#values[domain] ?? '');
    this.#values[domain] = '';
    this.#free.push(domain);
  }
}

const nothing: ReadonlySet<number> = new Set();
