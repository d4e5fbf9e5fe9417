import type { Pod } from '../../api/generated/core-v1.ts';
import type { ReflectorSink } from '../../client/reflector.ts';

/** Passes the watch of pods on, and tells of the pods of one owner as long as somebody wants to know. */
export class PodSightings implements ReflectorSink<Pod> {
  readonly #next: ReflectorSink<Pod>;
  #owner: string | undefined;
  #tell: (pod: Pod, isGone: boolean) => void = () => undefined;

  constructor(next: ReflectorSink<Pod>) {
    this.#next = next;
  }

  /** @returns what ends it */
  follow(owner: string, tell: (pod: Pod, isGone: boolean) => void): () => void {
    this.#owner = owner;
    this.#tell = tell;
    return () => {
      this.#owner = undefined;
    };
  }

  upsert(pod: Pod): void {
    this.#next.upsert(pod);
    this.#see(pod, false);
  }

  remove(pod: Pod): void {
    this.#next.remove(pod);
    this.#see(pod, true);
  }

  replace(pods: readonly Pod[], resourceVersion: string): void {
    this.#next.replace(pods, resourceVersion);
    if (this.#owner !== undefined) for (const pod of pods) this.#see(pod, false);
  }

  #see(pod: Pod, isGone: boolean): void {
    if (this.#owner !== undefined && ownerUid(pod) === this.#owner) this.#tell(pod, isGone);
  }
}

const ownerUid = ({ metadata }: Pod): string | undefined =>
  metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;
