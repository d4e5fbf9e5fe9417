/** A binary heap: the element that comes before all others is taken first. */
export class PriorityHeap<E> {
  readonly #comesBefore: (left: E, right: E) => boolean;
  readonly #elements: E[] = [];

  constructor(comesBefore: (left: E, right: E) => boolean) {
    this.#comesBefore = comesBefore;
  }

  get size(): number {
    return this.#elements.length;
  }

  peek(): E | undefined {
    return this.#elements[0];
  }

  push(element: E): void {
    const elements = this.#elements;
    let at = elements.push(element) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#precedes(at, parent)) return;
      this.#swap(at, parent);
      at = parent;
    }
  }

  pop(): E | undefined {
    const elements = this.#elements;
    const first = elements[0];
    const last = elements.pop();
    if (elements.length > 0 && last !== undefined) {
      elements[0] = last;
      this.#sink();
    }
    return first;
  }

  #sink(): void {
    for (let at = 0; ; ) {
      const left = 2 * at + 1;
      const child = this.#precedes(left + 1, left) ? left + 1 : left;
      if (!this.#precedes(child, at)) return;
      this.#swap(at, child);
      at = child;
    }
  }

  #precedes(left: number, right: number): boolean {
    const a = this.#elements[left];
    const b = this.#elements[right];
    return a !== undefined && b !== undefined && this.#comesBefore(a, b);
  }

  #swap(left: number, right: number): void {
    const a = this.#elements[left];
    const b = this.#elements[right];
    if (a === undefined || b === undefined) return;
    this.#elements[left] = b;
    this.#elements[right] = a;
  }
}
