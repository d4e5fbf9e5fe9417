/**
 * Carries out one move, make before break: the pod is marked, so that its ReplicaSet makes one pod more; when that one
 * is ready on another node, the marked pod is evicted. The mark says until when it holds: whoever dies in the middle
 * leaves behind nothing that does not end by itself, and the number of pods is right at each moment.
 */
import type { Deployment } from '../../api/generated/apps-v1.ts';
import type { Pod } from '../../api/generated/core-v1.ts';
import { deployments, pods, replicasets, replicationcontrollers } from '../../api/generated/resources.ts';
import { movingAnnotation } from '../../api/moving-pod.ts';
import { isNotFound, StatusError } from '../../api/status-error.ts';
import { onAbort } from '../../base/abort.ts';
import { type Clock, delay, toTime } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { ApiClient } from '../../client/client.ts';
import { isPassing } from '../../client/transport-error.ts';
import type { Cluster, PlacedPod } from '../cache/cluster.ts';
import { canSurge, type OwnerState, ownerUnrest, reasonToStay, rolloutUnrest } from './movable.ts';
import type { Move } from './next-move.ts';
import type { PodSightings } from './pod-sightings.ts';

/** From the mark to the eviction; then the mark loses its meaning. */
const moveTimeoutMs = 120_000;
const evictAgainMs = 2_000;

export type MoveOutcome =
  | { readonly outcome: 'moved'; readonly to: string }
  /** Nothing was begun. */
  | { readonly outcome: 'refused'; readonly what: 'pod' | 'owner'; readonly reason: string }
  /** Begun and taken back. */
  | { readonly outcome: 'given up'; readonly reason: string };

export interface MoverOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly cluster: Cluster;
  readonly sightings: PodSightings;
}

interface Owners {
  readonly replicas: OwnerState;
  readonly deployment: Deployment | undefined;
}

interface Replacement {
  readonly node: string;
}

export class Mover {
  readonly #options: MoverOptions;

  constructor(options: MoverOptions) {
    this.#options = options;
  }

  /** Why the pod stays where it is; undefined: it may go. Reads it. */
  async objection({ pod, from }: Move): Promise<Extract<MoveOutcome, { outcome: 'refused' }> | undefined> {
    const stored = await this.#read(pod);
    const reason =
      stored === undefined || stored.spec.nodeName !== from ? 'it has left' : reasonToStay(stored);
    if (reason !== undefined || stored === undefined)
      return {
        outcome: 'refused',
        what: stored === undefined || canSurge(stored) ? 'pod' : 'owner',
        reason: reason ?? 'it has left',
      };
    const { replicas, deployment } = await this.#ownersOf(stored);
    const unrest =
      ownerUnrest(replicas) ?? (deployment === undefined ? undefined : rolloutUnrest(deployment));
    return unrest === undefined ? undefined : { outcome: 'refused', what: 'owner', reason: unrest };
  }

  /** @param trouble aborts when the move is not wanted any more; its reason says why */
  async carryOut(move: Move, trouble: AbortSignal): Promise<MoveOutcome> {
    const objection = await this.objection(move);
    if (objection !== undefined) return objection;
    const stored = await this.#read(move.pod);
    if (stored === undefined) return { outcome: 'refused', what: 'pod', reason: 'it has left' };
    const before = await this.#ownersOf(stored);
    const endMs = this.#options.clock.monotonicMs() + moveTimeoutMs;
    const watch = this.#watchReplacement(move, trouble);
    try {
      await this.#mark(move.pod, toTime(this.#options.clock.nowMs() + moveTimeoutMs));
      const replacement = await watch.found(moveTimeoutMs);
      if (typeof replacement === 'string') return await this.#giveUp(move, replacement);
      await delay(this.#options.clock, 1_000 * (before.replicas.spec.minReadySeconds ?? 0), trouble);
      if (hasChanged(before, await this.#ownersOf(stored)))
        return await this.#giveUp(move, 'its owner was changed');
      const refusal = await this.#evict(move.pod, trouble, endMs);
      return refusal === undefined
        ? { outcome: 'moved', to: replacement.node }
        : await this.#giveUp(move, refusal);
    } catch (error) {
      // Left alone the mark would run out by itself; the reason for giving up is the error, not what follows from it.
      await this.#giveUp(move, '').catch(() => undefined);
      throw error;
    } finally {
      watch.stop();
    }
  }

  #watchReplacement(
    { pod, from }: Move,
    trouble: AbortSignal,
  ): { found(timeoutMs: number): Promise<Replacement | string>; stop(): void } {
    const { sightings, clock, cluster } = this.#options;
    const owner = pod.podClass.owner ?? '';
    const present = uidsOf(cluster, owner);
    const abort = new AbortController();
    let result: Replacement | string | undefined;
    const settle = (value: Replacement | string): void => {
      result ??= value;
      abort.abort();
    };
    const give = (): void => settle(String(trouble.reason));
    const stopListening = onAbort(trouble, give);
    const unfollow = sightings.follow(owner, (seen, isGone) => {
      if (seen.metadata.uid === pod.uid) {
        if (isGone || seen.metadata.deletionTimestamp !== undefined) settle('it has left');
      } else if (!present.has(seen.metadata.uid) && !isGone) {
        if (seen.spec.nodeName === from) settle('its replacement came to the same node');
        else if (isReady(seen)) settle({ node: seen.spec.nodeName ?? '' });
      }
    });
    return {
      async found(timeoutMs) {
        await delay(clock, timeoutMs, abort.signal);
        return result ?? 'its replacement did not become ready in time';
      },
      stop() {
        unfollow();
        stopListening();
      },
    };
  }

  /** @returns why it could not be */
  async #evict(pod: PlacedPod, trouble: AbortSignal, endMs: number): Promise<string | undefined> {
    const { client, clock } = this.#options;
    const { namespace, name } = nameOf(pod);
    for (;;) {
      if (trouble.aborted) return String(trouble.reason);
      try {
        await client.createSubresource(pods, { namespace, name }, 'eviction', {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { namespace, name },
          deleteOptions: { preconditions: { uid: pod.uid } },
        });
        return undefined;
      } catch (error) {
        // It left by itself, which is what we want.
        if (isNotFound(error)) return undefined;
        if (!mayPass(error)) throw error;
        if (clock.monotonicMs() >= endMs) return `it could not be evicted: ${messageOf(error)}`;
        await delay(clock, evictAgainMs, trouble);
      }
    }
  }

  async #giveUp({ pod }: Move, reason: string): Promise<MoveOutcome> {
    await this.#mark(pod, null);
    return { outcome: 'given up', reason };
  }

  async #mark(pod: PlacedPod, until: string | null): Promise<void> {
    const body = { metadata: { uid: pod.uid, annotations: { [movingAnnotation]: until } } };
    try {
      await this.#options.client.patch(pods, nameOf(pod), { type: 'merge', body });
    } catch (error) {
      // Whatever is gone bears no mark.
      if (until !== null || !isNotFound(error)) throw error;
    }
  }

  async #read(pod: PlacedPod): Promise<Pod | undefined> {
    try {
      const stored = await this.#options.client.get(pods, nameOf(pod));
      return stored.metadata.uid === pod.uid ? stored : undefined;
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  async #ownersOf({ metadata }: Pod): Promise<Owners> {
    const { client } = this.#options;
    const { namespace } = metadata;
    const owner = metadata.ownerReferences?.find(({ controller }) => controller === true);
    const name = owner?.name ?? '';
    if (owner?.kind === 'ReplicationController') {
      const { metadata: own, spec, status } = await client.get(replicationcontrollers, { namespace, name });
      return { replicas: { metadata: own, spec: spec ?? {}, status }, deployment: undefined };
    }
    const replicas = await client.get(replicasets, { namespace, name });
    const above = replicas.metadata.ownerReferences?.find(
      ({ kind, controller }) => controller === true && kind === 'Deployment',
    );
    const deployment =
      above === undefined ? undefined : await client.get(deployments, { namespace, name: above.name });
    return { replicas, deployment };
  }
}

const nameOf = ({ name }: PlacedPod): { readonly namespace: string; readonly name: string } => {
  const [namespace = '', pod = ''] = name.split('/');
  return { namespace, name: pod };
};

function uidsOf(cluster: Cluster, owner: string): ReadonlySet<string> {
  const uids = new Set<string>();
  for (const slot of cluster.replicasOf(owner).keys())
    for (const { uid, podClass } of cluster.podsOn(cluster.nodeAt(slot)?.name ?? ''))
      if (podClass.owner === owner) uids.add(uid);
  return uids;
}

/** A budget that allows nothing now, somebody who was faster, a server that has no time: asking again may help. */
const mayPass = (error: unknown): boolean =>
  isPassing(error) || (error instanceof StatusError && error.code === 409);

const isReady = ({ metadata, status }: Pod): boolean =>
  metadata.deletionTimestamp === undefined &&
  (status?.conditions ?? []).some(({ type, status: is }) => type === 'Ready' && is === 'True');

const hasChanged = (before: Owners, after: Owners): boolean =>
  before.replicas.metadata.generation !== after.replicas.metadata.generation ||
  before.deployment?.metadata.generation !== after.deployment?.metadata.generation;
