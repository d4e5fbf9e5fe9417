import type { ApiObject } from '../../api/kind-info.ts';
import type { ReflectorSink } from '../../client/reflector.ts';

/** Of so many nodes each follows all peers. */
const maxAllFollowAll = 1_000;
/** Of more, so many do, the others themselves only. */
const followersOfMore = 200;

/**
 * Which of a process's nodes follow all peers, as an agent does. N nodes that join are N x N events, of which each host
 * takes its N, and a process that plays all hosts takes all: 25 million for 5,000.
 */
export function followersOfAll(names: Iterable<string>): ReadonlySet<string> {
  const all = [...names];
  return new Set(all.length <= maxAllFollowAll ? all : all.slice(0, followersOfMore));
}

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
