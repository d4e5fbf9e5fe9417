import { httpGet } from './cluster.ts';

export interface Asked {
  /** `performance.now()` at the start of the request. */
  readonly startMs: number;
  readonly address: string;
  /** Undefined when it was answered with 200. */
  readonly failure: string | undefined;
}

const timeoutMs = 1_000;

/** A client that asks through every given address a fixed number of times a second, each time over a new connection. */
export class LoadClient {
  readonly asked: Asked[] = [];
  readonly #timers: NodeJS.Timeout[];
  readonly #pending = new Set<Promise<void>>();

  constructor(addresses: readonly string[], perSecond = 50) {
    this.#timers = addresses.map((address) => setInterval(() => this.#ask(address), 1_000 / perSecond));
  }

  #ask(address: string): void {
    const startMs = performance.now();
    const record = (failure: string | undefined): void => {
      this.asked.push({ startMs, address, failure });
    };
    const call = httpGet(address, { timeoutMs })
      .then(
        (answer) => record(answer.status === 200 ? undefined : `status ${answer.status}`),
        (error: Error) => record(error.message),
      )
      .finally(() => this.#pending.delete(call));
    this.#pending.add(call);
  }

  failuresSince(startMs: number): Asked[] {
    return this.asked.filter((each) => each.startMs >= startMs && each.failure !== undefined);
  }

  /** Stops asking and waits for the last answers. */
  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    await Promise.all(this.#pending);
  }
}
