const initialSize = 64;

/**
 * Which slots changed, in order, the last ones only. A reader keeps the position up to which it has read and asks for
 * what came after; one that is too far behind is told to look at everything.
 */
export class ChangeLog {
  /** A ring; its size is a power of two. */
  #ring: Int32Array = new Int32Array(initialSize);
  #position = 0;
  #oldest = 0;

  /** Position after the last change. */
  get position(): number {
    return this.#position;
  }

  /** @param keep how many changes are remembered at the least */
  add(slot: number, keep: number): void {
    if (keep > this.#ring.length) this.#grow(keep);
    const size = this.#ring.length;
    this.#ring[this.#position & (size - 1)] = slot;
    this.#position += 1;
    if (this.#position - this.#oldest > size) this.#oldest = this.#position - size;
  }

  /** Slots changed since `position`, each once; undefined when they are no longer known. */
  since(position: number): Iterable<number> | undefined {
    if (position < this.#oldest) return undefined;
    const count = this.#position - position;
    if (count === 1) return [this.#at(position)];
    const slots = new Set<number>();
    for (let i = 0; i < count; i += 1) slots.add(this.#at(position + i));
    return slots;
  }

  #at(position: number): number {
    return this.#ring[position & (this.#ring.length - 1)] ?? 0;
  }

  #grow(keep: number): void {
    const before = this.#ring;
    const larger = new Int32Array(2 ** Math.ceil(Math.log2(2 * keep)));
    for (let at = this.#oldest; at < this.#position; at += 1)
      larger[at & (larger.length - 1)] = before[at & (before.length - 1)] ?? 0;
    this.#ring = larger;
  }
}
