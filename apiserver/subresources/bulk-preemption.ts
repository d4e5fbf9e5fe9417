import type { Pod } from '../../api/generated/core-v1.ts';
import type { AnyObject, KindInfo } from '../../api/kind-info.ts';
import { badRequest, conflict, notFound, StatusError } from '../../api/status-error.ts';
import { toTime } from '../../base/clock.ts';
import type { Answer } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import type { VirtualHandler } from '../http/router.ts';
import type { WriteDependencies } from '../http/writes.ts';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';
import { keyOf } from '../storage/keys.ts';
import type { StoragePut } from '../storage/storage.ts';
import { planDelete } from '../store/delete.ts';
import type { CurrentObject } from '../store/request.ts';
import type { BulkResult } from './bulk-binding.ts';

/** Pods that one request may end. */
const bulkLimit = 1_000;
/** Rounds for pods that somebody else changed meanwhile. */
const rounds = 3;

/** Our own resource, beside bulk bindings. */
export const bulkPreemptionKind: KindInfo = {
  group: 'coracle.dev',
  version: 'v1',
  kind: 'BulkPreemption',
  plural: 'bulkpreemptions',
  singular: 'bulkpreemption',
  namespaced: false,
  verbs: ['create'],
  shortNames: [],
  categories: [],
  subresources: [],
  schema: '',
};

interface Victim {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** What its condition says. */
  readonly message: string;
}

/** One item that can be written, and where its result belongs. */
interface Planned {
  readonly at: number;
  readonly put: StoragePut;
}

type Results = (BulkResult | undefined)[];

/**
 * `POST /apis/coracle.dev/v1/bulkpreemptions`, body `{items: [{namespace, name, uid, message}, ...]}`: gives every pod
 * the condition `DisruptionTarget` and begins its graceful deletion, both in one write, many pods in a transaction, each
 * on its own condition. It does what a status patch and a deletion of each pod would do.
 * Answers 200 with `{kind: BulkPreemption, results: [...]}` in the order of the items; `code` is 200, or as the
 * deletion would answer.
 */
export function bulkPreemptionHandler(deps: WriteDependencies): VirtualHandler {
  return async (request) => {
    const items = readItems(request);
    const pods = deps.registry.byResource('', 'v1', 'pods');
    if (pods === undefined) throw new TypeError('pods are served');
    const results = await new BulkPreemption(deps, pods, request.user).run(items);
    return jsonOf({ kind: 'BulkPreemption', apiVersion: 'coracle.dev/v1', results });
  };
}

const jsonOf = (value: object): Answer => ({
  status: 200,
  contentType: 'application/json',
  body: `${JSON.stringify(value)}\n`,
});

class BulkPreemption {
  readonly #deps: WriteDependencies;
  readonly #pods: KindStrategy;
  readonly #user: UserInfo;

  constructor(deps: WriteDependencies, pods: KindStrategy, user: UserInfo) {
    this.#deps = deps;
    this.#pods = pods;
    this.#user = user;
  }

  async run(items: readonly Victim[]): Promise<BulkResult[]> {
    const results: Results = items.map(() => undefined);
    for (let round = 0; round < rounds && results.includes(undefined); round += 1)
      await this.#commit(await this.#planAll(items, results, round > 0), results);
    return results.map(
      (result) => result ?? { code: 409, reason: 'Conflict', message: 'the pod keeps changing' },
    );
  }

  async #planAll(items: readonly Victim[], results: Results, isRepeated: boolean): Promise<Planned[]> {
    const { source } = this.#deps.store.dependencies;
    const planned: Planned[] = [];
    for (const [at, item] of items.entries()) {
      if (results[at] !== undefined) continue;
      const { namespace, name } = item;
      let pod = isRepeated ? undefined : source.cached(this.#pods, namespace, name);
      pod ??= await source.stored(this.#pods, namespace, name);
      try {
        const put = this.#putOf(item, pod);
        if (put === undefined) results[at] = await this.#endAtOnce(item);
        else planned.push({ at, put });
      } catch (error) {
        // One pod's refusal is its result, not the others'.
        if (!(error instanceof StatusError)) throw error;
        if (pod?.cached !== true) results[at] = toResult(error);
      }
    }
    return planned;
  }

  /** @returns undefined for a pod that is not marked but gone when it is deleted */
  #putOf(item: Victim, pod: CurrentObject | undefined): StoragePut | undefined {
    const { namespace, name, uid } = item;
    if (pod === undefined) throw notFound(this.#pods.kind, name);
    if (pod.object.metadata.uid !== uid)
      throw conflict(this.#pods.kind, name, 'another pod has this name by now');
    const nowMs = this.#deps.clock.nowMs();
    const told = withCondition(pod.object, item.message, nowMs);
    const request = { strategy: this.#pods, gracePeriodSeconds: undefined, propagation: undefined };
    const plan = planDelete(told, request, nowMs);
    if (plan.step === 'remove') return undefined;
    const object = plan.step === 'mark' ? plan.object : told;
    return { type: 'put', key: keyOf('/pods', namespace, name), object, expected: pod.version };
  }

  async #endAtOnce({ namespace, name, uid }: Victim): Promise<BulkResult> {
    await this.#deps.store.delete({
      ...{ strategy: this.#pods, user: this.#user, namespace, name, subresource: '', dryRun: false },
      ...{ gracePeriodSeconds: undefined, propagation: undefined, preconditions: { uid } },
    });
    return { code: 200 };
  }

  /** What lost a race for its pod stays open. */
  async #commit(planned: readonly Planned[], results: Results): Promise<void> {
    if (planned.length === 0) return;
    const { storage } = this.#deps.store.dependencies;
    const stored = await storage.commitEach(planned.map(({ put }) => put));
    for (const [index, { at }] of planned.entries()) {
      const outcome = stored[index];
      if (outcome !== undefined && !('conflict' in outcome)) results[at] = { code: 200 };
    }
  }
}

const toResult = ({ code, reason, message }: StatusError): BulkResult => ({ code, reason, message });

/** Pure. */
function withCondition(pod: AnyObject, message: string, nowMs: number): AnyObject {
  const { status } = pod as Pod & AnyObject;
  const others = (status?.conditions ?? []).filter(({ type }) => type !== 'DisruptionTarget');
  const condition = {
    type: 'DisruptionTarget',
    status: 'True',
    lastProbeTime: null,
    lastTransitionTime: toTime(nowMs),
    reason: 'PreemptionByScheduler',
    message,
  };
  return { ...pod, status: { ...status, conditions: [...others, condition] } };
}

function readItems(request: ApiRequest): Victim[] {
  let body: unknown;
  try {
    body = JSON.parse(request.body.toString());
  } catch (error) {
    throw badRequest(`bulk preemption: ${error instanceof Error ? error.message : String(error)}`);
  }
  const items: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'items') : undefined;
  if (!Array.isArray(items)) throw badRequest('bulk preemption: items: must be a list');
  if (items.length > bulkLimit)
    throw badRequest(`bulk preemption: items: must have at most ${bulkLimit} items`);
  return items.map(toVictim);
}

function toVictim(value: unknown, at: number): Victim {
  const read = (key: string): string => {
    const text: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, key) : undefined;
    if (typeof text !== 'string' || text === '')
      throw badRequest(`bulk preemption: items[${at}].${key}: Required value`);
    return text;
  };
  return { namespace: read('namespace'), name: read('name'), uid: read('uid'), message: read('message') };
}
