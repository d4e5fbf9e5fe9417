import type { Pod } from '../api/generated/core-v1.ts';
import type { ReflectorSink } from '../client/reflector.ts';
import type { PodView } from './binder.ts';

interface Waiting {
  readonly version: number;
  readonly resolve: () => void;
}

/** How far the pods have been seen: the version of the last one that went through to the feed. */
export class SeenPods implements PodView {
  #version: number | undefined;
  readonly #waiting = new Set<Waiting>();

  version(): number | undefined {
    return this.#version;
  }

  reached(version: number, signal: AbortSignal): Promise<void> {
    if ((this.#version ?? 0) >= version || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(waiting);
        signal.removeEventListener('abort', done);
        resolve();
      };
      const waiting = { version, resolve: done };
      this.#waiting.add(waiting);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** What passes through here counts as seen when `sink` has it. */
  before(sink: ReflectorSink<Pod>): ReflectorSink<Pod> {
    return {
      upsert: (pod) => {
        sink.upsert(pod);
        this.reach(pod.metadata.resourceVersion);
      },
      remove: (pod) => {
        sink.remove(pod);
        this.reach(pod.metadata.resourceVersion);
      },
      replace: (pods, resourceVersion) => {
        sink.replace(pods, resourceVersion);
        this.reach(resourceVersion);
      },
    };
  }

  /** Everything up to this version has been seen. */
  reach(resourceVersion: string | undefined): void {
    const version = Number(resourceVersion);
    // Of another server than ours it may be anything: then nothing is known.
    if (!Number.isSafeInteger(version)) return;
    this.#version = version;
    for (const { version: awaited, resolve } of this.#waiting) if (awaited <= version) resolve();
  }
}
