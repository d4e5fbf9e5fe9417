/**
 * A set of completion indexes as Job status writes it: `1,3-5,7`. Kept as ascending intervals, so that a Job of 100,000
 * completions that end roughly in order costs a few entries.
 */
export class IndexSet {
  /** Ascending, apart from one another by two at least. */
  readonly #intervals: readonly (readonly [first: number, last: number])[];
  readonly size: number;

  private constructor(intervals: readonly (readonly [number, number])[]) {
    this.#intervals = intervals;
    this.size = intervals.reduce((sum, [first, last]) => sum + last - first + 1, 0);
  }

  static readonly empty: IndexSet = new IndexSet([]);

  static of(indexes: Iterable<number>): IndexSet {
    return IndexSet.#merged([...indexes].map((index) => [index, index] as const));
  }

  /** Of a status field; indexes of `limit` and above, and what is no interval, are left out. */
  static parse(text: string | undefined, limit: number): IndexSet {
    const intervals = (text ?? '').split(',').flatMap((part): (readonly [number, number])[] => {
      const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? [];
      if (first === '') return [];
      const end = Math.min(Number(last), limit - 1);
      return Number(first) <= end ? [[Number(first), end]] : [];
    });
    return IndexSet.#merged(intervals);
  }

  has(index: number): boolean {
    let [low, high] = [0, this.#intervals.length - 1];
    while (low <= high) {
      const middle = (low + high) >> 1;
      const [first, last] = this.#intervals[middle] ?? [0, -1];
      if (index < first) high = middle - 1;
      else if (index > last) low = middle + 1;
      else return true;
    }
    return false;
  }

  union(other: IndexSet): IndexSet {
    return IndexSet.#merged([...this.#intervals, ...other.#intervals]);
  }

  /** How many indexes are in both. */
  overlap(other: IndexSet): number {
    return this.size + other.size - this.union(other).size;
  }

  /** The `count` smallest numbers below `limit` that are not in the set. */
  firstMissing(count: number, limit: number): number[] {
    const missing: number[] = [];
    let next = 0;
    for (const [first, last] of [...this.#intervals, [limit, limit] as const]) {
      for (; next < Math.min(first, limit) && missing.length < count; next += 1) missing.push(next);
      next = last + 1;
    }
    return missing;
  }

  toString(): string {
    return this.#intervals
      .map(([first, last]) => {
        if (first === last) return String(first);
        return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
      })
      .join(',');
  }

  static #merged(intervals: readonly (readonly [number, number])[]): IndexSet {
    const merged: [number, number][] = [];
    for (const [first, last] of [...intervals].sort(([a], [b]) => a - b)) {
      const previous = merged.at(-1);
      if (previous !== undefined && first <= previous[1] + 1) previous[1] = Math.max(previous[1], last);
      else merged.push([first, last]);
    }
    return new IndexSet(merged);
  }
}
