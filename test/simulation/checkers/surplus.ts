import type { Deployment, ReplicaSet } from '../../../api/generated/apps-v1.ts';
import type { AnyObject } from '../../../api/kind-info.ts';
import { movingUntilMs } from '../../../api/moving-pod.ts';
import type { Change } from '../history.ts';
import type { StoredPod } from './bindings.ts';
import type { CheckContext, Checker } from './checker.ts';

type StoredReplicaSet = ReplicaSet & AnyObject;
type StoredDeployment = Deployment & AnyObject;

/** A controller may act on a size that is this old: requests wait, stores stall, processes pause. */
const staleForMs = 60_000;

/**
 * A write without an answer can make a deployment ask for too much, as it can in Kubernetes: its next move is decided
 * without knowing of that write. It must be noticed and taken back.
 */
const correctedWithinMs = 15_000;

/** What was asked for lately. */
class RecentSizes {
  readonly #sizes = new Map<string, { readonly size: number; untilMs: number }[]>();

  record(uid: string, size: number, nowMs: number): void {
    const sizes = this.#sizes.get(uid) ?? [];
    const last = sizes.at(-1);
    if (last !== undefined) last.untilMs = nowMs;
    sizes.push({ size, untilMs: Number.POSITIVE_INFINITY });
    this.#sizes.set(uid, sizes);
  }

  largest(uid: string, nowMs: number): number {
    const recent = (this.#sizes.get(uid) ?? []).filter(({ untilMs }) => untilMs >= nowMs - staleForMs);
    return Math.max(0, ...recent.map(({ size }) => size));
  }
}

/**
 * No ReplicaSet ever has more live pods than it was asked for, but for one while a pod of it is being moved, and no
 * Deployment asks for more than its surge allows.
 */
export class SurplusChecker implements Checker {
  readonly #context: CheckContext;
  readonly #replicaSets = new RecentSizes();
  readonly #deployments = new RecentSizes();
  /** Until when a ReplicaSet may believe that a pod of it is being moved. */
  readonly #moving = new Map<string, number>();
  /** Deployments that ask for more than their surge allows. */
  readonly #beyondSince = new Map<string, number>();

  constructor(context: CheckContext) {
    this.#context = context;
  }

  observe({ resource, before, after }: Change): void {
    if (after === undefined) return;
    const nowMs = this.#context.nowMs();
    const uid = after.metadata.uid ?? '';
    if (resource === 'apps/replicasets') {
      this.#replicaSets.record(uid, (after as StoredReplicaSet).spec.replicas ?? 1, nowMs);
      this.#checkFamily(after as StoredReplicaSet);
    }
    if (resource === 'apps/deployments')
      this.#deployments.record(uid, largestOf(after as StoredDeployment), nowMs);
    if (resource !== '/pods') return;
    this.#noteMove(after as StoredPod);
    if (before === undefined) this.#checkPod(after as StoredPod);
  }

  #noteMove(pod: StoredPod): void {
    const owner = controllerOf(pod);
    const isMoving = (movingUntilMs(pod.metadata) ?? 0) > this.#context.nowMs();
    if (owner !== undefined && isMoving) this.#moving.set(owner, this.#context.nowMs() + staleForMs);
  }

  #checkPod(pod: StoredPod): void {
    const owner = controllerOf(pod);
    if (owner === undefined) return;
    const { history } = this.#context;
    const nowMs = this.#context.nowMs();
    const live = history.all<StoredPod>('/pods').filter(isLive);
    const siblings = live.filter((one) => controllerOf(one) === owner);
    const movingUntil = this.#moving.get(owner);
    const surge = movingUntil !== undefined && movingUntil >= nowMs ? 1 : 0;
    const allowed = this.#replicaSets.largest(owner, nowMs) + surge;
    if (siblings.length > allowed)
      this.#context.violate(
        'surplus',
        `${pod.metadata.name}: ${siblings.length} live pods, ${allowed} asked for`,
      );
  }

  /** What the replica sets ask for together; their pods follow, each in its own time. */
  #checkFamily(replicaSet: StoredReplicaSet): void {
    const deployment = controllerOf(replicaSet);
    if (deployment === undefined) return;
    const family = this.#context.history
      .all<StoredReplicaSet>('apps/replicasets')
      .filter((one) => controllerOf(one) === deployment);
    const asked = family.reduce((total, { spec }) => total + (spec.replicas ?? 1), 0);
    const most = this.#deployments.largest(deployment, this.#context.nowMs());
    if (asked <= most) {
      this.#beyondSince.delete(deployment);
      return;
    }
    const nowMs = this.#context.nowMs();
    const sinceMs = this.#beyondSince.get(deployment) ?? nowMs;
    this.#beyondSince.set(deployment, sinceMs);
    if (nowMs - sinceMs > correctedWithinMs)
      this.#context.violate('surplus', `${replicaSet.metadata.name}: ${asked} replicas, ${most} with surge`);
  }
}

/** Replicas and surge; percentages are rounded up. */
function largestOf({ spec }: StoredDeployment): number {
  const replicas = spec.replicas ?? 1;
  const surge = spec.strategy?.rollingUpdate?.maxSurge ?? '25%';
  const text = String(surge);
  const extra = text.endsWith('%') ? Math.ceil((replicas * Number.parseInt(text, 10)) / 100) : Number(text);
  return replicas + extra;
}

export const controllerOf = (object: AnyObject | undefined): string | undefined =>
  object?.metadata.ownerReferences?.find(({ controller }) => controller === true)?.uid;

export const isLive = ({ metadata, status }: StoredPod): boolean =>
  metadata.deletionTimestamp === undefined && !['Succeeded', 'Failed'].includes(status?.phase ?? '');
