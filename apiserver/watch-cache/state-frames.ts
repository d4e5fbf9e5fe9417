import type { CacheEvent } from './event-ring.ts';
import type { CachedObject, WatchEncoding } from './read-cache.ts';

/** Of 5,000 objects a change touches 40: those are joined anew for the next who asks. */
const bucketCount = 128;

/** Some objects' frames, and what they come to. */
class Bucket {
  readonly frames = new Map<string, Buffer>();
  #joined: Buffer | undefined;

  get joined(): Buffer {
    this.#joined ??= Buffer.concat([...this.frames.values()]);
    return this.#joined;
  }

  changed(): void {
    this.#joined = undefined;
  }
}

/**
 * The state of a whole resource as a watch begins with it: an ADDED for each object, encoded once and joined for all who
 * ask. For resources of small objects that thousands read whole.
 *
 * Cost: the bytes twice over; a change one frame, and a joining of its bucket when somebody asks next.
 */
export class StateFrames {
  readonly #encoding: WatchEncoding;
  readonly #buckets: readonly Bucket[] = Array.from({ length: bucketCount }, () => new Bucket());
  #count = 0;
  #all: Buffer | undefined;

  constructor(encoding: WatchEncoding, objects: Iterable<CachedObject>) {
    this.#encoding = encoding;
    for (const object of objects) this.#set(object.key, object);
  }

  /** How many objects. */
  get count(): number {
    return this.#count;
  }

  /** Nobody may change it. */
  get all(): Buffer {
    this.#all ??= Buffer.concat(this.#buckets.map(({ joined }) => joined));
    return this.#all;
  }

  change({ key, object }: CacheEvent): void {
    this.#set(key, object);
  }

  #set(key: string, object: CachedObject | undefined): void {
    const bucket = this.#buckets[placeOf(key)] as Bucket;
    const before = bucket.frames.size;
    if (object === undefined) bucket.frames.delete(key);
    else bucket.frames.set(key, this.#encoding.encode('ADDED', object, false));
    this.#count += bucket.frames.size - before;
    bucket.changed();
    this.#all = undefined;
  }
}

/** Names that are numbered fall into different ones. */
function placeOf(key: string): number {
  let sum = 0;
  for (let at = 0; at < key.length; at += 1) sum = (sum * 31 + key.charCodeAt(at)) % 65_536;
  return sum % bucketCount;
}
