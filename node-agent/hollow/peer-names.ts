import type { ApiObject } from '../../api/kind-info.ts';
import type { ReflectorSink } from '../../client/reflector.ts';

/** Which nodes there are, as all agents of the process read it: kept once, and by name alone. */
export class PeerNames implements ReflectorSink<ApiObject> {
  readonly #names = new Set<string>();

  get size(): number {
    return this.#names.size;
  }

  /** What another agent has read meanwhile stays: it is newer, or the next event takes it away. */
  replace(objects: readonly ApiObject[]): void {
    for (const object of objects) this.upsert(object);
  }

  upsert({ metadata }: ApiObject): void {
    this.#names.add(metadata.name ?? '');
  }

  remove({ metadata }: ApiObject): void {
    this.#names.delete(metadata.name ?? '');
  }
}
