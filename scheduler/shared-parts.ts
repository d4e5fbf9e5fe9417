/** Kinds of a part that are remembered. When there are more, all are forgotten; those who have them keep them. */
const maxRemembered = 4_096;

/** Of parts that say the same, all get one object. It belongs to all of them: nobody may change it. */
export class SharedParts<T> {
  readonly #parts = new Map<string, T>();

  /** The part itself, or an earlier one that says the same as JSON. */
  of(part: T): T {
    if (part === undefined) return part;
    const text = JSON.stringify(part);
    const known = this.#parts.get(text);
    if (known !== undefined) return known;
    if (this.#parts.size >= maxRemembered) this.#parts.clear();
    this.#parts.set(text, part);
    return part;
  }
}
