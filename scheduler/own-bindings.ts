import type { Clock } from '../base/clock.ts';
import type { OwnChanges } from '../client/client.ts';
import type { Binder } from './binder.ts';
import type { PodFeed } from './feed.ts';
import type { SeenPods } from './seen-pods.ts';

/** Answered, and not yet come by the watch. */
const maxExpected = 4_000;

export interface BoundPod {
  readonly uid: string;
  readonly nodeName: string;
  /** Its resourceVersion, once it is bound. */
  readonly version: string;
}

export interface OwnBindingsOptions {
  readonly clock: Clock;
  readonly seen: Pick<SeenPods, 'reach'>;
  readonly binder: Pick<Binder, 'isBinding'>;
  readonly confirmed: Pick<PodFeed, 'confirm'>;
}

/**
 * The bindings that the API server has answered for, until the watch brings them: they are known by then, and need not
 * be read. What the watch brings before its answer is read like everything else.
 */
export class OwnBindings implements OwnChanges {
  readonly #options: OwnBindingsOptions;
  readonly #expected = new Set<string>();
  #hasWaited = false;

  constructor(options: OwnBindingsOptions) {
    this.#options = options;
  }

  readonly bound = (pod: BoundPod): void => {
    if (!this.#options.confirmed.confirm(pod)) return;
    this.#expected.add(pod.version);
    // Those of a watch that broke before it brought them.
    for (const oldest of this.#expected) {
      if (this.#expected.size <= maxExpected) return;
      this.#expected.delete(oldest);
    }
  };

  /** Once a turn: what arrives in one is decided together, and its bindings share a request. */
  whenAnswered(): Promise<void> | undefined {
    const { binder, clock } = this.#options;
    if (!binder.isBinding || this.#hasWaited) return undefined;
    return new Promise((resolve) => {
      clock.setImmediate(() => {
        this.#hasWaited = true;
        clock.setImmediate(() => {
          this.#hasWaited = false;
        });
        resolve();
      });
    });
  }

  takes(resourceVersion: string): boolean {
    if (!this.#expected.delete(resourceVersion)) return false;
    this.#options.seen.reach(resourceVersion);
    return true;
  }
}
