/** Lets at most `limit` tasks run at a time: of those that wait the lowest rank first, then in order of arrival. */
export class Semaphore {
  readonly #waiting: { readonly rank: number; readonly begin: () => void }[] = [];
  #free: number;

  constructor(limit: number) {
    this.#free = limit;
  }

  async run<Result>(rank: number, task: () => Promise<Result>): Promise<Result> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#enqueue(rank, resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next.begin();
    }
  }

  #enqueue(rank: number, begin: () => void): void {
    const after = this.#waiting.findIndex((other) => other.rank > rank);
    this.#waiting.splice(after < 0 ? this.#waiting.length : after, 0, { rank, begin });
  }
}
