/**
 * Lists of small numbers, each number in one list at most: which slots are in a domain, which pods on a node. Two
 * numbers a member in typed arrays, so that 5,000 lists of four lie close together where as many sets would not.
 * Entering and leaving cost a constant number of steps; members keep the order in which they came.
 */
const none = -1;
const initialSize = 64;

export class Chains {
  #first: Int32Array = filled(initialSize);
  #last: Int32Array = filled(initialSize);
  #next: Int32Array = filled(initialSize);
  #previous: Int32Array = filled(initialSize);

  /** The first member; -1 when there is none. */
  first(list: number): number {
    return this.#first[list] ?? none;
  }

  /** The one after `member` in its list; -1 after the last. */
  next(member: number): number {
    return this.#next[member] ?? none;
  }

  isEmpty(list: number): boolean {
    return this.first(list) === none;
  }

  /** Puts a number that is in no list at the end of one. */
  add(list: number, member: number): void {
    if (list >= this.#first.length) this.#growLists(list + 1);
    if (member >= this.#next.length) this.#growMembers(member + 1);
    const last = this.#last[list] ?? none;
    this.#previous[member] = last;
    this.#next[member] = none;
    if (last === none) this.#first[list] = member;
    else this.#next[last] = member;
    this.#last[list] = member;
  }

  /** @param list the one that it is in */
  remove(list: number, member: number): void {
    const next = this.next(member);
    const previous = this.#previous[member] ?? none;
    if (previous === none) this.#first[list] = next;
    else this.#next[previous] = next;
    if (next === none) this.#last[list] = previous;
    else this.#previous[next] = previous;
  }

  *members(list: number): Generator<number> {
    for (let member = this.first(list); member !== none; member = this.next(member)) yield member;
  }

  #growLists(size: number): void {
    this.#first = grown(this.#first, size);
    this.#last = grown(this.#last, size);
  }

  #growMembers(size: number): void {
    this.#next = grown(this.#next, size);
    this.#previous = grown(this.#previous, size);
  }
}

const filled = (size: number): Int32Array => new Int32Array(size).fill(none);

function grown(numbers: Int32Array, size: number): Int32Array {
  const larger = filled(2 * size);
  larger.set(numbers);
  return larger;
}
