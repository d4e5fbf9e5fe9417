/**
 * Numbers the nodes 0, 1, 2, ..., so that what is remembered of each lies side by side in arrays: a beat then touches a few
 * lines of the processor's cache, and a pass over all nodes reads memory from one end to the other. Numbers of nodes that are
 * gone are given again.
 */
export class NodeSlots {
  readonly #slots = new Map<string, number>();
  readonly #names: (string | undefined)[] = [];
  readonly #free: number[] = [];

  /** How many nodes there are. */
  get size(): number {
    return this.#slots.size;
  }

  /** All slots are below it. */
  get limit(): number {
    return this.#names.length;
  }

  slotOf(name: string): number | undefined {
    return this.#slots.get(name);
  }

  nameOf(slot: number): string | undefined {
    return this.#names[slot];
  }

  entries(): IterableIterator<[name: string, slot: number]> {
    return this.#slots.entries();
  }

  /** @returns the node's slot, which is a new one if it had none */
  take(name: string): number {
    const known = this.#slots.get(name);
    if (known !== undefined) return known;
    const slot = this.#free.pop() ?? this.#names.length;
    this.#slots.set(name, slot);
    this.#names[slot] = name;
    return slot;
  }

  /** @returns the slot that the node had: what stands in it is another's from now on */
  release(name: string): number | undefined {
    const slot = this.#slots.get(name);
    if (slot === undefined) return undefined;
    this.#slots.delete(name);
    this.#names[slot] = undefined;
    this.#free.push(slot);
    return slot;
  }
}

/** Columns have room for so many at first, and then for twice as many each time. */
const firstRoom = 64;

const roomFor = (slot: number, length: number): number => Math.max(firstRoom, 2 * length, slot + 1);

/** A column with room for `slot` in which everything stands that stood in `column`. */
export function withRoom(column: Float64Array, slot: number): Float64Array {
  if (slot < column.length) return column;
  const wider = new Float64Array(roomFor(slot, column.length));
  wider.set(column);
  return wider;
}

/** As `withRoom`, for words. */
export function withRoomForWords(column: Int32Array, slot: number): Int32Array {
  if (slot < column.length) return column;
  const wider = new Int32Array(roomFor(slot, column.length));
  wider.set(column);
  return wider;
}

/** As `withRoom`, for bytes. */
export function withRoomForBytes(column: Uint8Array, slot: number): Uint8Array {
  if (slot < column.length) return column;
  const wider = new Uint8Array(roomFor(slot, column.length));
  wider.set(column);
  return wider;
}
