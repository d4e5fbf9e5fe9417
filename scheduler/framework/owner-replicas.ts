const nothing: ReadonlyMap<number, number> = new Map();

/** Live pods by owner uid and slot. */
export class OwnerReplicas {
  readonly #byOwner = new Map<string, Map<number, number>>();

  on(slot: number, owner: string): number {
    return this.#byOwner.get(owner)?.get(slot) ?? 0;
  }

  /** The slots with replicas of this owner, and how many. */
  of(owner: string | undefined): ReadonlyMap<number, number> {
    return (owner === undefined ? undefined : this.#byOwner.get(owner)) ?? nothing;
  }

  count(owner: string, slot: number, by: number): void {
    const slots = this.#byOwner.get(owner) ?? new Map<number, number>();
    const count = (slots.get(slot) ?? 0) + by;
    if (count > 0) slots.set(slot, count);
    else slots.delete(slot);
    if (slots.size === 0) this.#byOwner.delete(owner);
    else if (slots.size === 1 && by === 1) this.#byOwner.set(owner, slots);
  }
}
