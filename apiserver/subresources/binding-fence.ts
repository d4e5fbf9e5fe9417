/**
 * Which API server judges bindings. The ledger of one server knows what that server has bound; so one server at a time
 * binds in bulk, the one whose turn it is by a key in the store. Each bulk transaction has the condition that the
 * turn has not changed since: with one server, or one scheduler, that costs one comparison in a transaction. A server that is
 * asked and has not the turn takes it, and then asks of every scheduler that it has seen all that was bound before.
 *
 * INVARIANTS: a batch is stored only in the turn in which it was judged; a turn that was lost is not taken back before
 * `leastTurnMs`, so that a scheduler at each of two servers gets somewhere.
 */
import type { AnyObject } from '../../api/kind-info.ts';
import { type Clock, delay, toTime } from '../../base/clock.ts';
import { type Random, randomSuffix } from '../../base/random.ts';
import { keyOf } from '../storage/keys.ts';
import { type Storage, StorageError } from '../storage/storage.ts';
import type { CachedObject, ReadCache, ResourceObserver } from '../watch-cache/read-cache.ts';

const leastTurnMs = 50;
const maxTakes = 5;
const key = keyOf('coracle.dev/bindingturns', '', 'bulk');

export interface Turn {
  /** The condition of every transaction in it. */
  readonly check: { readonly type: 'check'; readonly key: string; readonly expected: number };
  /** Version of the last pod that somebody else may have bound before it. */
  readonly floor: number;
}

export interface BindingFenceOptions {
  readonly storage: Storage;
  readonly cache: ReadCache;
  readonly clock: Clock;
  readonly random: Random;
}

export class BindingFence {
  readonly #options: BindingFenceOptions;
  readonly #server: string;
  readonly #pods = new LastVersion();
  #turn: Turn | undefined;
  #taking: Promise<Turn> | undefined;
  #lostAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: BindingFenceOptions) {
    this.#options = options;
    this.#server = `server-${randomSuffix(options.random)}${randomSuffix(options.random)}`;
    options.cache.observe('/pods', this.#pods);
  }

  /** The turn of this server, taken when it is another's. @throws StorageError */
  async turn(): Promise<Turn> {
    if (this.#turn !== undefined) return this.#turn;
    this.#taking ??= this.#take().finally(() => {
      this.#taking = undefined;
    });
    return this.#taking;
  }

  /** A transaction has found that it is another's turn. */
  lost(turn: Turn): void {
    if (this.#turn !== turn) return;
    this.#turn = undefined;
    this.#lostAtMs = this.#options.clock.monotonicMs();
  }

  async #take(): Promise<Turn> {
    const { storage, cache, clock } = this.#options;
    const restMs = this.#lostAtMs + leastTurnMs - clock.monotonicMs();
    if (restMs > 0) await delay(clock, restMs);
    for (let attempt = 1; ; attempt += 1) {
      const before = await storage.get(key);
      try {
        const object = this.#object();
        const [stored] = await storage.commit([{ type: 'put', key, object, expected: before?.version ?? 0 }]);
        const version = stored?.version ?? 0;
        await cache.waitFor(version);
        // Without a turn before this one nobody has bound in bulk.
        const floor = before === undefined ? 0 : this.#pods.version;
        this.#turn = { check: { type: 'check', key, expected: version }, floor };
        return this.#turn;
      } catch (error) {
        // Another server was faster: its turn comes first.
        const isRace = error instanceof StorageError && error.code === 'STORAGE_CONFLICT';
        if (!isRace || attempt >= maxTakes) throw error;
      }
    }
  }

  #object(): AnyObject {
    const { clock } = this.#options;
    const creationTimestamp = toTime(clock.nowMs());
    const metadata = { name: 'bulk', uid: this.#server, resourceVersion: '', creationTimestamp };
    return { kind: 'BindingTurn', apiVersion: 'coracle.dev/v1', metadata, spec: { server: this.#server } };
  }
}

/** The version of the pod written last, as this server's cache has it. */
class LastVersion implements ResourceObserver {
  version = 0;

  replaced(pods: Iterable<CachedObject>): void {
    for (const { version } of pods) this.version = Math.max(this.version, version);
  }

  changed(_key: string, pod: CachedObject | undefined): void {
    if (pod !== undefined) this.version = pod.version;
  }
}
