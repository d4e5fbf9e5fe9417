/**
 * A map in key order, as a list of sorted chunks: one level of a B-tree. Two binary searches find a key; an insertion
 * moves at most one chunk's entries, also among 150,000. Keys compare by code unit, which for ASCII is etcd's order.
 *
 * INVARIANTS: no chunk is empty; every key of a chunk is below every key of the next.
 */
const chunkLimit = 512;

interface Chunk<V> {
  readonly keys: string[];
  readonly values: V[];
}

export class OrderedMap<V> {
  #chunks: Chunk<V>[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: string): V | undefined {
    const chunk = this.#chunks[this.#chunkFor(key)];
    if (chunk === undefined) return undefined;
    const at = lowerBound(chunk.keys, key);
    return chunk.keys[at] === key ? chunk.values[at] : undefined;
  }

  /** Also true for a key whose value is undefined. */
  has(key: string): boolean {
    const keys = this.#chunks[this.#chunkFor(key)]?.keys;
    return keys !== undefined && keys[lowerBound(keys, key)] === key;
  }

  /** @returns what `key` had before. */
  set(key: string, value: V): V | undefined {
    if (this.#append(key, value)) return undefined;
    const position = this.#chunkFor(key);
    const chunk = this.#chunks[position];
    if (chunk === undefined) {
      this.#chunks.push({ keys: [key], values: [value] });
      this.#size += 1;
      return undefined;
    }
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at] === key) {
      const before = chunk.values[at];
      chunk.values[at] = value;
      return before;
    }
    chunk.keys.splice(at, 0, key);
    chunk.values.splice(at, 0, value);
    this.#size += 1;
    if (chunk.keys.length > chunkLimit) this.#split(position, chunk, at);
    return undefined;
  }

  /** Keys that arrive in order are not searched for. @returns false for one that does not come last */
  #append(key: string, value: V): boolean {
    const last = this.#chunks.at(-1);
    if (last === undefined || key <= (last.keys.at(-1) as string)) return false;
    if (last.keys.length < chunkLimit) {
      last.keys.push(key);
      last.values.push(value);
    } else this.#chunks.push({ keys: [key], values: [value] });
    this.#size += 1;
    return true;
  }

  /** @returns what `key` had. */
  delete(key: string): V | undefined {
    const position = this.#chunkFor(key);
    const chunk = this.#chunks[position];
    if (chunk === undefined) return undefined;
    const at = lowerBound(chunk.keys, key);
    if (chunk.keys[at] !== key) return undefined;
    const before = chunk.values[at];
    chunk.keys.splice(at, 1);
    chunk.values.splice(at, 1);
    this.#size -= 1;
    if (chunk.keys.length === 0) this.#chunks.splice(position, 1);
    return before;
  }

  /** Entries from `from` (included) to `to` (excluded). The map must not change while it is read. */
  *range(from: string, to: string): Generator<[string, V]> {
    for (let position = this.#chunkFor(from); position < this.#chunks.length; position += 1) {
      const { keys, values } = this.#chunks[position] as Chunk<V>;
      for (let at = lowerBound(keys, from); at < keys.length; at += 1) {
        const key = keys[at] as string;
        if (key >= to) return;
        yield [key, values[at] as V];
      }
    }
  }

  /** How many keys lie from `from` (included) to `to` (excluded). */
  countBetween(from: string, to: string): number {
    if (from >= to) return 0;
    let count = 0;
    for (let position = this.#chunkFor(from); position < this.#chunks.length; position += 1) {
      const { keys } = this.#chunks[position] as Chunk<V>;
      const first = keys[0] as string;
      if (first >= to) break;
      const last = keys[keys.length - 1] as string;
      const end = last < to ? keys.length : lowerBound(keys, to);
      count += end - (first >= from ? 0 : lowerBound(keys, from));
    }
    return count;
  }

  clear(): void {
    this.#chunks = [];
    this.#size = 0;
  }

  /** A chunk that grows at its end is left full: keys that arrive in order fill every chunk. */
  #split(position: number, chunk: Chunk<V>, at: number): void {
    const middle = at === chunk.keys.length - 1 ? chunkLimit : chunkLimit / 2;
    const upper = { keys: chunk.keys.splice(middle), values: chunk.values.splice(middle) };
    this.#chunks.splice(position + 1, 0, upper);
  }

  /** The last chunk that begins at or below `key`, else the first. */
  #chunkFor(key: string): number {
    let low = 0;
    let high = this.#chunks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (((this.#chunks[middle] as Chunk<V>).keys[0] as string) <= key) low = middle + 1;
      else high = middle;
    }
    return Math.max(0, low - 1);
  }
}

function lowerBound(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
