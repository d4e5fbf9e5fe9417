import { expired } from '../../api/status-error.ts';
import { keyOf, prefixEnd, resourcePrefix } from '../storage/keys.ts';
import { OrderedMap } from '../storage/ordered-map.ts';
import type { IndexedObject } from './cached-object.ts';
import { type CacheEvent, EventRing, type RingLimits } from './event-ring.ts';
import { FieldIndex } from './field-index.ts';
import { type PastDifference, PastStates } from './past.ts';
import type { CachePage, CacheQuery, WatchEncoding } from './read-cache.ts';
import { isSelected, isUnfiltered, selectedName } from './selection.ts';
import { StateFrames } from './state-frames.ts';

/** Objects that one `list` call looks at, so that no call is long: 5,000 selector matches are about 2 ms. */
const examinedPerPage = 5_000;
/** Encodings in which the whole state of a resource is kept. */
const keptStates = 2;

/** The objects of one resource, what selects them, and their latest changes. */
export class ResourceCache {
  readonly resource: string;
  readonly ring: EventRing;
  readonly #objects = new OrderedMap<IndexedObject>();
  readonly #index: FieldIndex;
  readonly #past: PastStates;
  /** By encoding. */
  readonly #states = new Map<string, StateFrames>();

  constructor(options: {
    readonly resource: string;
    readonly indexedFields: readonly string[];
    readonly limits: RingLimits;
    /** The version from which on this cache knows every change. */
    readonly floor: number;
  }) {
    this.resource = options.resource;
    this.ring = new EventRing(options.limits, options.floor);
    this.#index = new FieldIndex(options.indexedFields);
    this.#past = new PastStates(this.ring);
  }

  get size(): number {
    return this.#objects.size;
  }

  /** All of them, in key order. */
  *objects(): Generator<IndexedObject> {
    const prefix = resourcePrefix(this.resource);
    for (const [, object] of this.#objects.range(prefix, prefixEnd(prefix))) yield object;
  }

  get(key: string): IndexedObject | undefined {
    return this.#objects.get(key);
  }

  /** The state as scanned, before any event. */
  load(object: IndexedObject): void {
    const previous = this.#objects.set(object.key, object);
    this.#index.replace(previous, object);
  }

  /** @returns the event, or undefined when a deleted object was not there. */
  apply(
    change: { readonly key: string; readonly version: number; readonly object: IndexedObject | undefined },
    nowMs: number,
  ): CacheEvent | undefined {
    const { key, version, object } = change;
    const previous = object === undefined ? this.#objects.delete(key) : this.#objects.set(key, object);
    if (object === undefined && previous === undefined) return undefined;
    this.#index.replace(previous, object);
    const event: CacheEvent = { key, version, object, previous };
    this.ring.push(event, nowMs);
    for (const state of this.#states.values()) state.change(event);
    return event;
  }

  /** The whole present state, kept joined from now on; undefined when it is kept in other encodings enough. */
  state(encoding: WatchEncoding): StateFrames | undefined {
    const known = this.#states.get(encoding.id);
    if (known !== undefined || encoding.hasFirst || this.#states.size >= keptStates) return known;
    const created = new StateFrames(encoding, this.objects());
    this.#states.set(encoding.id, created);
    return created;
  }

  list(query: CacheQuery, currentVersion: number): CachePage {
    const version = query.atVersion ?? currentVersion;
    const { difference, from, to } = this.#scope(query, version);
    const limit = query.limit === undefined || query.limit === 0 ? Number.POSITIVE_INFINITY : query.limit;
    const objects: IndexedObject[] = [];
    const base = this.#index.candidates(query) ?? this.#objects;
    const entries = difference === undefined ? base.range(from, to) : merged(base, difference, from, to);
    let last: string | undefined;
    let examined = 0;
    let more = false;
    for (const [key, object] of entries) {
      more = objects.length >= limit || (examined >= examinedPerPage && limit !== Number.POSITIVE_INFINITY);
      if (more) break;
      last = key;
      examined += 1;
      if (object !== undefined && isSelected(query, object)) objects.push(object);
    }
    const next = more ? last : undefined;
    const remaining =
      next === undefined || !isUnfiltered(query) ? undefined : this.#countAt(difference, `${next}\0`, to);
    return { objects, next, remaining, version };
  }

  #scope(
    query: CacheQuery,
    version: number,
  ): { readonly difference: PastDifference | undefined; readonly from: string; readonly to: string } {
    if (version < this.ring.floor)
      throw expired(`The resourceVersion for the provided list is too old: ${version} (${this.ring.floor})`);
    // A state that nothing has changed since is the present one.
    const isPast = query.atVersion !== undefined && version < this.ring.latest;
    const past = isPast ? this.#past.at(version) : undefined;
    const prefix = `${resourcePrefix(this.resource)}${query.namespace === '' ? '' : `${query.namespace}/`}`;
    const name = selectedName(query);
    const single = name !== undefined && query.namespace !== '';
    const first = single ? keyOf(this.resource, query.namespace, name) : prefix;
    const from = query.after === undefined || query.after < first ? first : `${query.after}\0`;
    return {
      difference: past?.size === 0 ? undefined : past,
      from,
      to: single ? `${first}\0` : prefixEnd(prefix),
    };
  }

  #countAt(difference: PastDifference | undefined, from: string, to: string): number {
    let count = this.#objects.countBetween(from, to);
    if (difference === undefined) return count;
    for (const [key, before] of difference.range(from, to))
      count += (before === undefined ? 0 : 1) - (this.#objects.get(key) === undefined ? 0 : 1);
    return count;
  }
}

/** Both in key order; where both have a key, the difference decides. */
function* merged(
  base: OrderedMap<IndexedObject>,
  difference: PastDifference,
  from: string,
  to: string,
): Generator<[string, IndexedObject | undefined]> {
  const now = base.range(from, to);
  const then = difference.range(from, to);
  let current = now.next();
  let past = then.next();
  while (current.done !== true || past.done !== true) {
    if (past.done === true || (current.done !== true && current.value[0] < past.value[0])) {
      if (current.done !== true) yield current.value;
      current = now.next();
      continue;
    }
    if (current.done !== true && current.value[0] === past.value[0]) current = now.next();
    yield past.value;
    past = then.next();
  }
}
