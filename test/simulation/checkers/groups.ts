import type { Change } from '../history.ts';
import type { StoredPod } from './bindings.ts';
import type { CheckContext, Checker } from './checker.ts';

/** By which a pod says that it runs with others or not at all. */
export const groupLabel = 'pod-group.scheduling.sigs.k8s.io/name';
export const leastLabel = 'pod-group.scheduling.sigs.k8s.io/min-available';
/** A member that went so long ago may still have been there for who decided: news are late, and requests wait. */
const lateMs = 40_000;

/** No member of a group is bound before as many as the group needs are there. */
export class GroupChecker implements Checker {
  readonly #context: CheckContext;
  /** When members went, by group. */
  readonly #gone = new Map<string, number[]>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  observe({ resource, before, after }: Change): void {
    if (resource !== '/pods') return;
    const was = before as StoredPod | undefined;
    const is = after as StoredPod | undefined;
    const group = (is ?? was)?.metadata.labels?.[groupLabel];
    if (group === undefined) return;
    if (is === undefined) this.#gone.set(group, [...this.#recentlyGone(group), this.#context.nowMs()]);
    else if ((was?.spec.nodeName ?? '') === '' && (is.spec.nodeName ?? '') !== '') this.#check(group, is);
  }

  #check(group: string, { metadata }: StoredPod): void {
    const members = this.#context.history
      .all<StoredPod>('/pods')
      .filter((pod) => pod.metadata.labels?.[groupLabel] === group);
    const count = members.length + this.#recentlyGone(group).length;
    const least = Number(metadata.labels?.[leastLabel]);
    if (count < least)
      this.#context.violate('groups', `${metadata.name} is bound with ${count} members there, not ${least}`);
  }

  #recentlyGone(group: string): readonly number[] {
    const sinceMs = this.#context.nowMs() - lateMs;
    return (this.#gone.get(group) ?? []).filter((atMs) => atMs >= sinceMs);
  }
}
