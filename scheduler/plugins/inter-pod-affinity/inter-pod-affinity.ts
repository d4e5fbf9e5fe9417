import { type AffinityTerm, matchesAffinityTerm } from '../../framework/affinity-term.ts';
import { labelOf } from '../../framework/node-affinity-term.ts';
import type { NodeInfo } from '../../framework/node-info.ts';
import {
  type ClusterFilter,
  type ClusterScore,
  maxScore,
  type Rejection,
  type Snapshot,
} from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';

const reasons = {
  affinity: "node(s) didn't match pod affinity rules",
  antiAffinity: "node(s) didn't match pod anti-affinity rules",
  existing: "node(s) didn't satisfy existing pods anti-affinity rules",
};

/** Topology value -> number of pods there that concern a term. */
type DomainCounts = Map<string, number>;

const countIn = (counts: DomainCounts, term: AffinityTerm, node: NodeInfo): number | undefined => {
  const domain = labelOf(node, term.topologyKey);
  return domain === undefined ? undefined : (counts.get(domain) ?? 0);
};

/** Required affinity and anti-affinity, of the pod and of the pods that are there (anti-affinity is symmetric). */
export const interPodAffinity: ClusterFilter = {
  name: 'InterPodAffinity',
  prepare(pod, snapshot) {
    const { required, requiredAnti } = pod.affinity;
    const forbidden = domainsForbiddenByOthers(pod, snapshot);
    if (required.length === 0 && requiredAnti.length === 0 && forbidden.length === 0) return undefined;
    const wanted = countPodsMatchingAll(required, snapshot);
    const avoided = requiredAnti.map((term) => countMatchingPods(term, snapshot));
    const isFirst = isFirstOfItsGroup(pod, wanted, snapshot);
    return (node) => {
      if (!satisfiesAffinity(required, wanted, isFirst, node)) return reject(reasons.affinity, true);
      if (requiredAnti.some((term, i) => (countIn(avoided[i] ?? new Map(), term, node) ?? 0) > 0))
        return reject(reasons.antiAffinity, false);
      if (forbidden.some(({ topologyKey, domains }) => domains.has(labelOf(node, topologyKey) ?? '\0')))
        return reject(reasons.existing, false);
      return undefined;
    };
  },
};

const reject = (reason: string, isFinal: boolean): Rejection => ({ reasons: [reason], isFinal });

function satisfiesAffinity(
  terms: readonly AffinityTerm[],
  counts: readonly DomainCounts[],
  isFirst: boolean,
  node: NodeInfo,
): boolean {
  return terms.every((term, i) => {
    const count = countIn(counts[i] ?? new Map(), term, node);
    return count !== undefined && (count > 0 || isFirst);
  });
}

/**
 * A pod whose terms match itself and no other pod yet may go anywhere its topology keys exist; else the first of a
 * group could never be placed.
 */
function isFirstOfItsGroup(pod: PodClass, counts: readonly DomainCounts[], snapshot: Snapshot): boolean {
  return (
    counts.every((domains) => domains.size === 0) &&
    pod.affinity.required.every((term) => matchesAffinityTerm(term, pod, snapshot.namespaceLabels))
  );
}

/** For required affinity a pod counts only when it matches every term, as in Kubernetes. */
function countPodsMatchingAll(terms: readonly AffinityTerm[], snapshot: Snapshot): DomainCounts[] {
  const matches = memoized((other) =>
    terms.every((term) => matchesAffinityTerm(term, other, snapshot.namespaceLabels)),
  );
  return terms.map((term) => (terms.length === 0 ? new Map() : countWhere(term, matches, snapshot)));
}

function countMatchingPods(term: AffinityTerm, snapshot: Snapshot): DomainCounts {
  return countWhere(
    term,
    memoized((other) => matchesAffinityTerm(term, other, snapshot.namespaceLabels)),
    snapshot,
  );
}

function countWhere(
  term: AffinityTerm,
  matches: (other: PodClass) => boolean,
  snapshot: Snapshot,
): DomainCounts {
  const counts: DomainCounts = new Map();
  for (const node of snapshot.nodes) {
    const domain = labelOf(node, term.topologyKey);
    if (domain === undefined) continue;
    let here = 0;
    for (const [other, { all }] of node.classes) if (matches(other)) here += all;
    if (here > 0) counts.set(domain, (counts.get(domain) ?? 0) + here);
  }
  return counts;
}

function memoized(matches: (other: PodClass) => boolean): (other: PodClass) => boolean {
  const known = new Map<PodClass, boolean>();
  return (other) => {
    const answer = known.get(other) ?? matches(other);
    known.set(other, answer);
    return answer;
  };
}

interface ForbiddenDomains {
  readonly topologyKey: string;
  readonly domains: ReadonlySet<string>;
}

function domainsForbiddenByOthers(pod: PodClass, snapshot: Snapshot): ForbiddenDomains[] {
  const forbidden: ForbiddenDomains[] = [];
  for (const other of snapshot.classesWithTerms) {
    for (const term of other.affinity.requiredAnti) {
      if (!matchesAffinityTerm(term, pod, snapshot.namespaceLabels)) continue;
      const domains = new Set(countWhere(term, (present) => present === other, snapshot).keys());
      forbidden.push({ topologyKey: term.topologyKey, domains });
    }
  }
  return forbidden;
}

/** As Kubernetes' default hardPodAffinityWeight. */
const requiredTermWeight = 1;

/**
 * Preferred terms of the pod, and those of the pods that are there towards it. The scale is fixed: the sum of the
 * weights times the pods that match, brought into 0..100 around 50 by a curve that never reaches either end.
 */
export const interPodAffinityScore: ClusterScore = {
  name: 'InterPodAffinity',
  weight: 2,
  prepare(pod, snapshot) {
    const pulls = [...ownPulls(pod, snapshot), ...pullsOfOthers(pod, snapshot)];
    if (pulls.length === 0) return undefined;
    return (node) => {
      let sum = 0;
      for (const { term, weight, counts } of pulls) sum += weight * (countIn(counts, term, node) ?? 0);
      return (maxScore / 2) * (1 + sum / (maxScore + Math.abs(sum)));
    };
  },
};

interface Pull {
  readonly term: AffinityTerm;
  readonly weight: number;
  readonly counts: DomainCounts;
}

const ownPulls = (pod: PodClass, snapshot: Snapshot): Pull[] =>
  pod.affinity.preferred.map(({ term, weight }) => ({
    term,
    weight,
    counts: countMatchingPods(term, snapshot),
  }));

function pullsOfOthers(pod: PodClass, snapshot: Snapshot): Pull[] {
  const pulls: Pull[] = [];
  for (const other of snapshot.classesWithTerms) {
    const terms = [
      ...other.affinity.preferred,
      ...other.affinity.required.map((term) => ({ term, weight: requiredTermWeight })),
    ];
    for (const { term, weight } of terms) {
      if (!matchesAffinityTerm(term, pod, snapshot.namespaceLabels)) continue;
      pulls.push({ term, weight, counts: countWhere(term, (present) => present === other, snapshot) });
    }
  }
  return pulls;
}
