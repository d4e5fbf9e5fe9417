/**
 * What would become of the pods: the scheduler's own decisions, one after the other, on a snapshot that is changed as
 * they are made. Pure; the snapshot belongs to the forecast and is used up.
 */
import { schedule } from '../../scheduler/schedule.ts';
import { type KnownPod, titleOf, toPlaced } from './known-pod.ts';
import { loadsOf, type NodeLoads } from './node-loads.ts';
import type { Snapshot } from './snapshot.ts';

/** A pod that needs a node; `from` is where the one was that it replaces. */
export interface Waiting {
  readonly pod: KnownPod;
  readonly from?: string | undefined;
  /** It waits today already. */
  readonly waits?: boolean;
}

export interface Move {
  readonly pod: string;
  readonly owner?: string | undefined;
  readonly from?: string | undefined;
  readonly to: string;
}

export interface Stuck {
  readonly pod: string;
  readonly from?: string | undefined;
  readonly waits: boolean;
  readonly message: string;
}

export interface Forecast {
  readonly moves: readonly Move[];
  readonly pending: readonly Stuck[];
  /** Nobody makes these anew, or fewer are wanted. */
  readonly gone: readonly string[];
  /** These stay where they are. */
  readonly stay: readonly string[];
  /** Evicted for others of higher priority. */
  readonly preempted: readonly string[];
  readonly loads: { readonly before: NodeLoads; readonly after: NodeLoads };
}

/** The change that a scenario makes: pods leave, others come. */
export interface Change {
  /** Made anew by their controllers. */
  readonly leaving: readonly KnownPod[];
  /** Not made anew: fewer are wanted. */
  readonly removed?: readonly KnownPod[];
  readonly coming: readonly Waiting[];
  readonly stay?: readonly KnownPod[];
  /** Applied between the two: the node goes, is cordoned, or comes. */
  readonly apply?: (snapshot: Snapshot) => void;
}

/** Owners whose controllers make a pod anew, wherever it fits. */
const replacing: ReadonlySet<string> = new Set(['ReplicaSet', 'ReplicationController', 'StatefulSet', 'Job']);

export const isReplaced = ({ owner }: KnownPod): boolean => owner !== undefined && replacing.has(owner.kind);

export function forecast(snapshot: Snapshot, change: Change): Forecast {
  const { cluster } = snapshot;
  const before = loadsOf(cluster);
  for (const { uid } of [...change.leaving, ...(change.removed ?? [])]) {
    cluster.removePod(uid);
    snapshot.pods.delete(uid);
  }
  change.apply?.(snapshot);
  const leaving = change.leaving.filter((pod) => pod.nodeName !== undefined && pod.isLive);
  const replaced = leaving.filter(isReplaced).map((pod): Waiting => ({ pod, from: pod.nodeName }));
  const waiting = [...snapshot.pods.values()]
    .filter(({ nodeName, isLive, gates }) => nodeName === undefined && isLive && gates.length === 0)
    .map((pod): Waiting => ({ pod, waits: true }));
  const outcome = new Rounds(snapshot).place([...waiting, ...replaced, ...change.coming]);
  return {
    ...outcome,
    gone: [
      ...leaving.filter((pod) => !isReplaced(pod)).map(titleOf),
      ...(change.removed ?? []).map(titleOf),
      ...outcome.gone,
    ],
    stay: (change.stay ?? []).map(titleOf),
    loads: { before, after: loadsOf(cluster) },
  };
}

type Outcome = Pick<Forecast, 'moves' | 'pending' | 'preempted' | 'gone'>;

class Rounds {
  readonly #snapshot: Snapshot;
  readonly #moves: Move[] = [];
  readonly #pending: Stuck[] = [];
  readonly #preempted: string[] = [];
  readonly #gone: string[] = [];
  /** Those that are placed here may be evicted here. */
  readonly #known: Map<string, KnownPod>;
  #queue: Waiting[] = [];

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#known = new Map(snapshot.pods);
  }

  /** Higher priority first, then those that wait longest, as in the scheduler's queue. */
  place(waiting: readonly Waiting[]): Outcome {
    this.#queue = [...waiting];
    for (;;) {
      this.#queue.sort(byTurn);
      const next = this.#queue.shift();
      if (next === undefined) break;
      this.#placeOne(next);
    }
    return { moves: this.#moves, pending: this.#pending, preempted: this.#preempted, gone: this.#gone };
  }

  #placeOne(next: Waiting): void {
    const { cluster } = this.#snapshot;
    const { pod, from, waits = false } = next;
    const { uid, podClass, owner } = pod;
    const profile = this.#snapshot.profileOf(podClass);
    if (profile === undefined) {
      const message = `schedulerName "${podClass.schedulerName}" is not served here`;
      this.#pending.push({ pod: titleOf(pod), from, waits, message });
      return;
    }
    cluster.withdrawNomination(uid);
    const to = schedule(profile.context, podClass, profile.strategy)?.name ?? this.#makeRoom(next);
    if (to === undefined) {
      const message = this.#snapshot.messageFor(profile, podClass);
      this.#pending.push({ pod: titleOf(pod), from, waits, message });
      return;
    }
    const placed = { ...pod, nodeName: to, isLive: true };
    this.#known.set(uid, placed);
    cluster.setPod(toPlaced(placed, to));
    this.#moves.push({ pod: titleOf(pod), owner: owner && `${owner.kind}/${owner.name}`, from, to });
  }

  /** Evicts pods of lower priority where the scheduler would. Ends, since a victim's priority is lower. */
  #makeRoom({ pod }: Waiting): string | undefined {
    const profile = this.#snapshot.profileOf(pod.podClass);
    const plan = profile && this.#snapshot.preemptionFor(profile, pod.podClass);
    if (plan?.node === undefined) return undefined;
    for (const { uid, name, nodeName } of plan.victims) {
      this.#snapshot.cluster.removePod(uid);
      this.#preempted.push(name);
      const victim = this.#known.get(uid);
      if (victim !== undefined && isReplaced(victim)) this.#queue.push({ pod: victim, from: nodeName });
      else this.#gone.push(name);
    }
    return plan.node;
  }
}

const byTurn = (left: Waiting, right: Waiting): number =>
  right.pod.podClass.priority - left.pod.podClass.priority ||
  Number(right.waits ?? false) - Number(left.waits ?? false) ||
  (left.pod.createdAt < right.pod.createdAt ? -1 : left.pod.createdAt > right.pod.createdAt ? 1 : 0);
