import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { conflict, notFound, StatusError } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoragePut } from '../storage/storage.ts';
import { planDelete } from '../store/delete.ts';
import type { CurrentObject } from '../store/request.ts';
import {
  type BulkResult,
  type BulkResults,
  bulkAnswer,
  bulkKind,
  bulkRounds,
  readBulk,
  refusal,
} from './bulk-request.ts';

/** Our own resource, beside bulk bindings. */
export const bulkPreemptionKind: KindInfo = bulkKind('BulkPreemption');

/** `message`: what its condition says. */
const victimKeys = ['namespace', 'name', 'uid', 'message'] as const;
type Victim = Readonly<Record<(typeof victimKeys)[number], string>>;

/** One item that can be written, and where its result belongs. */
interface Planned {
  readonly at: number;
  readonly put: StoragePut;
  /** Without a grace period: it is seen ending, and then removed. */
  readonly ends: boolean;
}

/**
 * `POST /apis/coracle.dev/v1/bulkpreemptions`, body `{items: [{namespace, name, uid, message}, ...]}`: gives every pod
 * the condition `DisruptionTarget` and begins its graceful deletion, both in one write, many pods in a transaction, each
 * on its own condition. Those without a grace period are removed by a second one. It does what a status patch and a deletion of each pod would do.
 * Answers 200 with `{kind: BulkPreemption, results: [...]}` in the order of the items; `code` is 200, or as the
 * deletion would answer.
 */
export function bulkPreemptionHandler(deps: WriteDependencies): VirtualHandler {
  return async (request) => {
    const { items } = readBulk(request, 'bulk preemption', victimKeys);
    const pods = deps.registry.byResource('', 'v1', 'pods');
    if (pods === undefined) throw new TypeError('pods are served');
    const results = await new BulkPreemption(deps, pods, request.user).run(items);
    return bulkAnswer('BulkPreemption', results);
  };
}

class BulkPreemption {
  readonly #deps: WriteDependencies;
  readonly #pods: KindStrategy;
  readonly #user: UserInfo;

  constructor(deps: WriteDependencies, pods: KindStrategy, user: UserInfo) {
    this.#deps = deps;
    this.#pods = pods;
    this.#user = user;
  }

  async run(items: readonly Victim[]): Promise<BulkResults> {
    const results: BulkResults = items.map(() => undefined);
    for (let round = 0; round < bulkRounds && results.includes(undefined); round += 1)
      await this.#commit(await this.#planAll(items, results, round > 0), results);
    return results;
  }

  async #planAll(items: readonly Victim[], results: BulkResults, isRepeated: boolean): Promise<Planned[]> {
    const { source } = this.#deps.store.dependencies;
    const planned: Planned[] = [];
    for (const [at, item] of items.entries()) {
      if (results[at] !== undefined) continue;
      const { namespace, name } = item;
      let pod = isRepeated ? undefined : source.cached(this.#pods, namespace, name);
      pod ??= await source.stored(this.#pods, namespace, name);
      try {
        const plan = this.#planOf(item, pod);
        if (plan === undefined) results[at] = await this.#endAtOnce(item);
        else planned.push({ at, ...plan });
      } catch (error) {
        // One pod's refusal is its result, not the others'.
        if (!(error instanceof StatusError)) throw error;
        if (pod?.cached !== true) results[at] = refusal(error);
      }
    }
    return planned;
  }

  /** @returns undefined for a pod that is not marked but gone when it is deleted */
  #planOf(item: Victim, pod: CurrentObject | undefined): Omit<Planned, 'at'> | undefined {
    const { namespace, name, uid } = item;
    if (pod === undefined) throw notFound(this.#pods.kind, name);
    if (pod.object.metadata.uid !== uid)
      throw conflict(this.#pods.kind, name, 'another pod has this name by now');
    const nowMs = this.#deps.clock.nowMs();
    const told = withCondition(pod.object, item.message, nowMs);
    const request = { strategy: this.#pods, gracePeriodSeconds: undefined, propagation: undefined };
    const plan = planDelete(told, request, nowMs);
    const ends = plan.step === 'remove';
    const isEnding = pod.object.metadata.deletionTimestamp !== undefined;
    if (ends && (isEnding || plan.object.metadata.deletionTimestamp === undefined)) return undefined;
    const object = plan.step === 'nothing' ? told : plan.object;
    const put = { type: 'put', key: keyOf('/pods', namespace, name), object, expected: pod.version } as const;
    return { put, ends };
  }

  async #endAtOnce({ namespace, name, uid }: Victim): Promise<BulkResult> {
    await this.#deps.store.delete({
      ...{ strategy: this.#pods, user: this.#user, namespace, name, subresource: '', dryRun: false },
      ...{ gracePeriodSeconds: undefined, propagation: undefined, preconditions: { uid } },
    });
    return { code: 200 };
  }

  /** What lost a race for its pod stays open. */
  async #commit(planned: readonly Planned[], results: BulkResults): Promise<void> {
    if (planned.length === 0) return;
    const { storage } = this.#deps.store.dependencies;
    const stored = await storage.commitEach(planned.map(({ put }) => put));
    const ending: { readonly at: number; readonly key: string; readonly expected: number }[] = [];
    for (const [index, { at, put, ends }] of planned.entries()) {
      const outcome = stored[index];
      if (outcome === undefined || 'conflict' in outcome) continue;
      if (ends) ending.push({ at, key: put.key, expected: outcome.version });
      else results[at] = { code: 200 };
    }
    if (ending.length === 0) return;
    const removed = await storage.delete(ending.map(({ key, expected }) => ({ key, expected })));
    // One that somebody changed between the two writes is looked at again, and ends at once.
    for (const [index, { at }] of ending.entries())
      if (!('conflict' in (removed[index] ?? { conflict: true }))) results[at] = { code: 200 };
  }
}

/** Pure. */
function withCondition(pod: AnyObject, message: string, nowMs: number): AnyObject {
  const { metadata, status } = pod as Pod & AnyObject;
  const others = (status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
  const condition = {
    type: 'DisruptionTarget',
    observedGeneration: metadata.generation,
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: toTime(nowMs),
    reason: 'PreemptionByScheduler',
    message,
  };
  return { ...pod, status: { ...status, conditions: [...others, condition] } };
}
