/**
 * One read in flight serves all that wait. Whoever comes while one is under way needs the next, since the present one
 * may have been answered before he came.
 */
export class SharedRead<T> {
  readonly #start: () => Promise<T>;
  #running: Promise<T> | undefined;
  #next: Promise<T> | undefined;

  constructor(start: () => Promise<T>) {
    this.#start = start;
  }

  read(): Promise<T> {
    if (this.#running === undefined) return this.#run();
    this.#next ??= this.#after(this.#running);
    return this.#next;
  }

  #run(): Promise<T> {
    this.#next = undefined;
    const running = this.#start().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  async #after(running: Promise<T>): Promise<T> {
    // Its failure is for those who wait for it.
    await running.catch(() => undefined);
    return this.#run();
  }
}
