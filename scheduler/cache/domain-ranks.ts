import { Chains } from './chains.ts';

/**
 * Domains by their count: the least, and those within a range of counts. There are few different counts, most of the
 * time two, so that only those are looked at.
 */
export class DomainRanks {
  /** The list of each count that some domain has. */
  readonly #lists = new Map<number, number>();
  readonly #freeLists: number[] = [];
  readonly #domains = new Chains();
  #least = 0;

  /** The least count; 0 when there is no domain. */
  get least(): number {
    return this.#least;
  }

  /** Domains whose count is above `low` and not above `high`. */
  *between(low: number, high: number): Generator<number> {
    for (const [count, list] of this.#lists)
      if (count > low && count <= high) yield* this.#domains.members(list);
  }

  /** A domain's count changed; undefined: it is not there. */
  move(domain: number, before: number | undefined, after: number | undefined): void {
    if (before === after) return;
    if (before !== undefined) this.#leave(domain, before);
    if (after !== undefined) this.#enter(domain, after);
    if (after !== undefined && after < this.#least) this.#least = after;
    else if (!this.#lists.has(this.#least)) this.#findLeast();
  }

  #leave(domain: number, count: number): void {
    const list = this.#lists.get(count);
    if (list === undefined) return;
    this.#domains.remove(list, domain);
    if (!this.#domains.isEmpty(list)) return;
    this.#lists.delete(count);
    this.#freeLists.push(list);
  }

  #enter(domain: number, count: number): void {
    let list = this.#lists.get(count);
    if (list === undefined) {
      list = this.#freeLists.pop() ?? this.#lists.size;
      this.#lists.set(count, list);
    }
    this.#domains.add(list, domain);
  }

  #findLeast(): void {
    let least = Number.POSITIVE_INFINITY;
    for (const count of this.#lists.keys()) if (count < least) least = count;
    this.#least = Number.isFinite(least) ? least : 0;
  }
}
