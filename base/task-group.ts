/**
 * Background tasks with one owner. Every task gets the group's signal; the first to reject ends the others and
 * becomes the group's failure.
 *
 * INVARIANTS: no task outlives `join`; `join` rejects exactly when a task did.
 */
export class TaskGroup {
  readonly #abort = new AbortController();
  readonly #tasks = new Set<Promise<void>>();
  #failure: { readonly error: unknown } | undefined;

  constructor(parent?: AbortSignal) {
    if (parent === undefined) return;
    if (parent.aborted) this.#abort.abort(parent.reason);
    else
      parent.addEventListener('abort', () => this.#abort.abort(parent.reason), {
        once: true,
        signal: this.#abort.signal,
      });
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Starts `task` now. */
  start(task: (signal: AbortSignal) => Promise<void>): void {
    const running = task(this.signal)
      .catch((error: unknown) => {
        this.#failure ??= { error };
        this.#abort.abort();
      })
      .finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
  }

  /** Asks every task to end. */
  stop(): void {
    this.#abort.abort();
  }

  /** Resolves when every task has ended, those started meanwhile included. @throws the first failure. */
  async join(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
    if (this.#failure !== undefined) throw this.#failure.error;
  }
}
