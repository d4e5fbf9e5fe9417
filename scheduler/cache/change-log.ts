/**
 * Which slots changed, in order. A reader keeps the position up to which it has read and asks for what came after;
 * one that is too far behind is told to look at everything.
 */
export class ChangeLog {
  #entries: number[] = [];
  #base = 0;

  /** Position after the last change. */
  get position(): number {
    return this.#base + this.#entries.length;
  }

  add(slot: number): void {
    this.#entries.push(slot);
  }

  /** Slots changed since `position`, repetitions included; undefined when they are no longer known. */
  since(position: number): readonly number[] | undefined {
    return position < this.#base ? undefined : this.#entries.slice(position - this.#base);
  }

  /** Forgets all but the last `keep` changes once there are twice as many. */
  trim(keep: number): void {
    if (this.#entries.length < 2 * keep) return;
    this.#base += this.#entries.length - keep;
    this.#entries = this.#entries.slice(-keep);
  }
}
