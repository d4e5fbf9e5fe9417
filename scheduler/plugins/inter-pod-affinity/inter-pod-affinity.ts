/**
 * Required and preferred (anti-)affinity between pods, both ways: what the pod wants of those that are there, and
 * what they want of it. All of it is asked of counters per domain: pods that a term selects, and pods that carry a
 * term.
 */
import {
  type AffinityTerm,
  type CarriedTerm,
  matchesAffinityTerm,
  usesNamespaceLabels,
} from '../../framework/affinity-term.ts';
import {
  type CounterSource,
  type DomainCounts,
  type DomainPlugin,
  type DomainRule,
  maxScore,
  noDomain,
  type Rejection,
} from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';

const reject = (reason: string, isFinal: boolean, change: string): Rejection => ({
  reasons: [reason],
  isFinal,
  change,
});
const affinityUnmet = reject(
  "node(s) didn't match pod affinity rules",
  true,
  "a pod that the pod's required affinity selects, in the node's domain",
);
const antiAffinityUnmet = reject(
  "node(s) didn't match pod anti-affinity rules",
  false,
  "no pod that the pod's required anti-affinity selects, in the node's domain",
);
const existingUnmet = reject(
  "node(s) didn't satisfy existing pods anti-affinity rules",
  false,
  "no pod whose required anti-affinity selects this pod, in the node's domain",
);

export const interPodAffinity: DomainPlugin = {
  name: 'InterPodAffinity',
  weight: 2,
  looksAtOtherPods: ({ affinity: { required, requiredAnti } }) => required.length + requiredAnti.length > 0,
  rulesOf(pod, counters) {
    const concerning = termsConcerning(pod, counters);
    return [
      ...requiredRules(pod, counters),
      ...pod.affinity.requiredAnti.map((term) =>
        emptyRule(`avoids ${term.id}`, term, countOf(term, counters), antiAffinityUnmet),
      ),
      ...concerning
        .filter(({ kind }) => kind === 'forbids')
        .map((carried) => emptyRule(carried.id, carried.term, counters.carriersOf(carried), existingUnmet)),
      ...pullRules(pod, concerning, counters),
    ];
  },
};

/** Terms that others carry (or the pod itself will, so that its rules stay the same) and that select the pod. */
function termsConcerning(pod: PodClass, counters: CounterSource): readonly CarriedTerm[] {
  const found = new Map<string, CarriedTerm>();
  const look = (carried: CarriedTerm): void => {
    if (matchesAffinityTerm(carried.term, pod, counters.namespaceLabels)) found.set(carried.id, carried);
  };
  for (const carried of pod.affinity.carried) look(carried);
  for (const carried of counters.carriedTerms) look(carried);
  return [...found.values()];
}

const countOf = (term: AffinityTerm, counters: CounterSource): DomainCounts =>
  counters.counter({
    id: `selects ${term.id}`,
    topologyKey: term.topologyKey,
    usesNamespaceLabels: usesNamespaceLabels(term),
    counts: (other) => matchesAffinityTerm(term, other, counters.namespaceLabels),
    liveOnly: false,
  });

/**
 * A pod counts only when it matches every required term, as in Kubernetes. A pod whose terms match itself and no
 * other pod yet may go anywhere its topology keys exist; else the first of a group could never be placed.
 */
function requiredRules(pod: PodClass, counters: CounterSource): DomainRule[] {
  const { required } = pod.affinity;
  const ids = JSON.stringify(required.map(({ id }) => id));
  const matchesAll = (other: PodClass): boolean =>
    required.every((term) => matchesAffinityTerm(term, other, counters.namespaceLabels));
  const counts = required.map(({ topologyKey }) =>
    counters.counter({
      id: `selects all ${topologyKey} ${ids}`,
      topologyKey,
      counts: matchesAll,
      usesNamespaceLabels: required.some(usesNamespaceLabels),
      liveOnly: false,
    }),
  );
  const selectsItself = matchesAll(pod);
  const isFirst = (): boolean => selectsItself && counts.every(({ total }) => total === 0);
  return required.flatMap(({ id, topologyKey }, i) => {
    const count = counts[i];
    if (count === undefined) return [];
    return {
      id: `wants ${id} of ${ids}`,
      topologyKey,
      counters: [count],
      isHard: true,
      reject: (domain) =>
        domain !== noDomain && (count.count(domain) > 0 || isFirst()) ? undefined : affinityUnmet,
      score: () => 0,
      threshold: { affects: 'all', value: () => (isFirst() ? 1 : 0) },
    };
  });
}

const emptyRule = (
  id: string,
  { topologyKey }: AffinityTerm,
  count: DomainCounts,
  rejection: Rejection,
): DomainRule => ({
  id,
  topologyKey,
  counters: [count],
  isHard: true,
  reject: (domain) => (count.count(domain) > 0 ? rejection : undefined),
  score: () => 0,
});

interface Pull {
  readonly id: string;
  readonly weight: number;
  readonly count: DomainCounts;
}

/**
 * Preferred terms, both ways. The scale is fixed: for each topology key the sum of the weights times the pods that
 * match, brought into -50..50 by a curve that never reaches either end.
 */
function pullRules(pod: PodClass, concerning: readonly CarriedTerm[], counters: CounterSource): DomainRule[] {
  const byKey = new Map<string, Pull[]>();
  const add = ({ topologyKey }: AffinityTerm, pull: Pull): void => {
    byKey.set(topologyKey, [...(byKey.get(topologyKey) ?? []), pull]);
  };
  for (const { term, weight } of pod.affinity.preferred)
    add(term, { id: `prefers ${weight} ${term.id}`, weight, count: countOf(term, counters) });
  for (const carried of concerning)
    if (carried.kind === 'pulls')
      add(carried.term, { id: carried.id, weight: carried.weight, count: counters.carriersOf(carried) });
  return [...byKey].map(([topologyKey, pulls]) => ({
    id: JSON.stringify(pulls.map(({ id }) => id)),
    topologyKey,
    counters: pulls.map(({ count }) => count),
    isHard: false,
    reject: () => undefined,
    score: (domain) => {
      let sum = 0;
      for (const { weight, count } of pulls) sum += weight * count.count(domain);
      return (maxScore / 2) * (sum / (maxScore + Math.abs(sum)));
    },
  }));
}
