import type { ApiObject } from '../api/kind-info.ts';
import { objectKey } from './object-key.ts';

/** Values under which an object is found; named by its key in `Indexers`. */
export type Indexer<T> = (object: T) => readonly string[];
export type Indexers<T> = Readonly<Record<string, Indexer<T>>>;

/** Read side of a store. Objects are shared: whoever wants to change one copies it first. */
export interface Lister<T extends ApiObject> {
  /** `namespace` is undefined for cluster-scoped kinds. */
  get(namespace: string | undefined, name: string): T | undefined;
  /** All, or those of one namespace. */
  list(namespace?: string): T[];
  /** @throws TypeError when there is no such index. */
  byIndex(indexName: string, value: string): T[];
  /** How many `byIndex` would find. @throws TypeError when there is no such index. */
  countByIndex(indexName: string, value: string): number;
  readonly size: number;
}

const namespaceIndex = 'namespace';

/** Objects by key, with secondary indexes kept in step. */
export class Store<T extends ApiObject> implements Lister<T> {
  readonly #objects = new Map<string, T>();
  readonly #indexes = new Map<string, Index<T>>();

  constructor(indexers: Indexers<T> = {}) {
    this.#indexes.set(namespaceIndex, new Index((object) => [object.metadata.namespace ?? '']));
    for (const [name, indexer] of Object.entries(indexers)) this.#indexes.set(name, new Index(indexer));
  }

  get size(): number {
    return this.#objects.size;
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(objectKey(namespace, name));
  }

  getByKey(key: string): T | undefined {
    return this.#objects.get(key);
  }

  list(namespace?: string): T[] {
    return namespace === undefined ? [...this.#objects.values()] : this.byIndex(namespaceIndex, namespace);
  }

  byIndex(indexName: string, value: string): T[] {
    return this.#index(indexName).find(value);
  }

  countByIndex(indexName: string, value: string): number {
    return this.#index(indexName).count(value);
  }

  keys(): IterableIterator<string> {
    return this.#objects.keys();
  }

  /** @returns what was there before. */
  set(key: string, object: T): T | undefined {
    const previous = this.#objects.get(key);
    this.#objects.set(key, object);
    for (const index of this.#indexes.values()) index.replace(key, previous, object);
    return previous;
  }

  /** @returns what was there before. */
  delete(key: string): T | undefined {
    const previous = this.#objects.get(key);
    if (previous === undefined) return undefined;
    this.#objects.delete(key);
    for (const index of this.#indexes.values()) index.replace(key, previous, undefined);
    return previous;
  }

  #index(name: string): Index<T> {
    const index = this.#indexes.get(name);
    if (index === undefined) throw new TypeError(`there is no index ${name}`);
    return index;
  }
}

class Index<T> {
  readonly #indexer: Indexer<T>;
  readonly #byValue = new Map<string, Map<string, T>>();

  constructor(indexer: Indexer<T>) {
    this.#indexer = indexer;
  }

  find(value: string): T[] {
    return [...(this.#byValue.get(value)?.values() ?? [])];
  }

  count(value: string): number {
    return this.#byValue.get(value)?.size ?? 0;
  }

  replace(key: string, previous: T | undefined, next: T | undefined): void {
    const values = next === undefined ? [] : this.#indexer(next);
    if (previous !== undefined)
      for (const value of this.#indexer(previous)) if (!values.includes(value)) this.#remove(value, key);
    if (next === undefined) return;
    for (const value of values) {
      const entry = this.#byValue.get(value) ?? new Map<string, T>();
      if (entry.size === 0) this.#byValue.set(value, entry);
      entry.set(key, next);
    }
  }

  #remove(value: string, key: string): void {
    const entry = this.#byValue.get(value);
    entry?.delete(key);
    if (entry?.size === 0) this.#byValue.delete(value);
  }
}
