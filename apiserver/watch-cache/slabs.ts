import type { IndexedObject } from './cached-object.ts';

/** Of a slab, the part that must be in use for it to stay. */
const leastUse = 0.5;

interface Slab {
  readonly objects: Set<IndexedObject>;
  liveBytes: number;
}

/**
 * The objects of a scan share their page's memory (a slab), which stays as long as one of them is there. When half of
 * a slab is out of use, what is left in it moves to memory of its own, so that what is held is at most twice what is
 * live. Objects that were written since the start have memory of their own from the beginning.
 */
export class Slabs {
  readonly #slabs = new Map<ArrayBufferLike, Slab>();

  /** Slabs in use. */
  get size(): number {
    return this.#slabs.size;
  }

  loaded(object: IndexedObject): void {
    const { buffer, length } = object.json;
    if (buffer.byteLength === length) return;
    const slab = this.#slabs.get(buffer) ?? { objects: new Set(), liveBytes: 0 };
    this.#slabs.set(buffer, slab);
    slab.objects.add(object);
    slab.liveBytes += length;
  }

  /** `object` is not the present state any more. */
  gone(object: IndexedObject): void {
    const { buffer, length } = object.json;
    const slab = this.#slabs.get(buffer);
    if (slab === undefined || !slab.objects.delete(object)) return;
    slab.liveBytes -= length;
    if (slab.liveBytes >= buffer.byteLength * leastUse) return;
    this.#slabs.delete(buffer);
    for (const each of slab.objects) each.json = ownCopy(each.json);
  }

  clear(): void {
    this.#slabs.clear();
  }
}

function ownCopy(json: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(json.length);
  json.copy(copy);
  return copy;
}
