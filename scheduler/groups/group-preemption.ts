/** Room for a whole group: victims are chosen only when all of them together let it fit. Changes nothing. */
import type { PlacedPod } from '../cache/cluster.ts';
import type { PodClass } from '../framework/pod-class.ts';
import type { PreemptionPlan } from '../preemption/preemption-index.ts';
import { type Candidate, type GroupQuestion, placeGroup, takeBack } from './place-group.ts';

export interface GroupEviction<C extends Candidate> {
  readonly candidate: C;
  readonly node: string;
  readonly victims: readonly PlacedPod[];
}

export interface GroupPreemption<C extends Candidate> {
  readonly evictions: readonly GroupEviction<C>[];
  /** Where each member is to go. */
  readonly nominations: readonly { readonly candidate: C; readonly node: string }[];
}

/** Undefined: no evictions would let the group fit. */
export function planGroupPreemption<C extends Candidate>(
  question: GroupQuestion<C>,
  planFor: (pod: PodClass) => PreemptionPlan | undefined,
): GroupPreemption<C> | undefined {
  const { cluster, needed } = question;
  const away: PlacedPod[] = [];
  const evictions: GroupEviction<C>[] = [];
  /** What those before it took only makes it worse for the next one of a class. */
  const hopeless = new Set<PodClass>();
  const makeRoom = (candidate: C): string | undefined => {
    if (hopeless.has(candidate.podClass)) return undefined;
    const plan = planFor(candidate.podClass);
    if (plan?.node === undefined) {
      hopeless.add(candidate.podClass);
      return undefined;
    }
    evictions.push({ candidate, node: plan.node, victims: plan.victims });
    away.push(...plan.victims.flatMap(({ uid }) => cluster.removePod(uid) ?? []));
    return plan.node;
  };
  const found = placeGroup({ ...question, makeRoom });
  takeBack(cluster, found);
  for (const victim of away) cluster.putBack(victim);
  const isEnough = found.placed.length >= needed && evictions.length > 0;
  return isEnough ? { evictions, nominations: found.placed } : undefined;
}
