import type { Affinity, PodAffinityTerm } from '../../api/generated/core-v1.ts';
import { fromLabelSelector, matchesSelector, type Requirement, type Selector } from '../../api/selector.ts';

/** One pod (anti-)affinity term, ready to be matched. */
export interface AffinityTerm {
  /** Terms with one id select the same pods in the same domains. */
  readonly id: string;
  readonly topologyKey: string;
  /** Undefined selects no pod. */
  readonly selector: Selector | undefined;
  readonly namespaces: ReadonlySet<string>;
  /** Selects further namespaces by their labels; undefined selects none. */
  readonly namespaceSelector: Selector | undefined;
}

interface WeightedAffinityTerm {
  readonly term: AffinityTerm;
  /** Negative for anti-affinity. */
  readonly weight: number;
}

/** A term of a pod as it concerns pods that are placed after it. */
export interface CarriedTerm {
  readonly id: string;
  readonly kind: 'forbids' | 'pulls';
  readonly term: AffinityTerm;
  /** Negative pushes away; of no meaning for `forbids`. */
  readonly weight: number;
}

export interface AffinityTerms {
  readonly required: readonly AffinityTerm[];
  readonly requiredAnti: readonly AffinityTerm[];
  readonly preferred: readonly WeightedAffinityTerm[];
  /** What of these looks at later pods. */
  readonly carried: readonly CarriedTerm[];
}

const none: AffinityTerms = { required: [], requiredAnti: [], preferred: [], carried: [] };

/** As Kubernetes' default hardPodAffinityWeight: what a pod requires pulls later pods a little, too. */
const requiredTermWeight = 1;

type Labels = Readonly<Record<string, string>>;

/** A pod as far as affinity terms see it. */
export interface SelectablePod {
  readonly namespace: string;
  readonly labels: Labels;
}

export type NamespaceLabels = (namespace: string) => Labels | undefined;

export function matchesAffinityTerm(
  term: AffinityTerm,
  pod: SelectablePod,
  namespaceLabels: NamespaceLabels,
): boolean {
  if (term.selector === undefined || !matchesNamespace(term, pod.namespace, namespaceLabels)) return false;
  return matchesSelector(term.selector, pod.labels);
}

export const usesNamespaceLabels = ({ namespaceSelector = [] }: AffinityTerm): boolean =>
  namespaceSelector.length > 0;

function matchesNamespace(term: AffinityTerm, namespace: string, labelsOf: NamespaceLabels): boolean {
  if (term.namespaces.has(namespace)) return true;
  const selector = term.namespaceSelector;
  if (selector === undefined) return false;
  return selector.length === 0 || matchesSelector(selector, labelsOf(namespace));
}

export function affinityTermsOf(
  affinity: Affinity | undefined,
  namespace: string,
  labels: Labels,
): AffinityTerms {
  if (affinity?.podAffinity === undefined && affinity?.podAntiAffinity === undefined) return none;
  const compile = (term: PodAffinityTerm): AffinityTerm => toAffinityTerm(term, namespace, labels);
  const { podAffinity, podAntiAffinity } = affinity;
  const weighted = (sign: number, terms: typeof podAffinity): WeightedAffinityTerm[] =>
    (terms?.preferredDuringSchedulingIgnoredDuringExecution ?? []).map(({ podAffinityTerm, weight }) => ({
      term: compile(podAffinityTerm),
      weight: sign * weight,
    }));
  const required = (podAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(compile);
  const requiredAnti = (podAntiAffinity?.requiredDuringSchedulingIgnoredDuringExecution ?? []).map(compile);
  const preferred = merged([...weighted(1, podAffinity), ...weighted(-1, podAntiAffinity)]);
  return { required, requiredAnti, preferred, carried: carriedTerms({ required, requiredAnti, preferred }) };
}

function carriedTerms({
  required,
  requiredAnti,
  preferred,
}: Pick<AffinityTerms, 'required' | 'requiredAnti' | 'preferred'>): CarriedTerm[] {
  const forbids = new Map(
    requiredAnti.map((term) => [
      term.id,
      { id: `forbids ${term.id}`, kind: 'forbids', term, weight: 0 } as const,
    ]),
  );
  const pulls = merged([...preferred, ...required.map((term) => ({ term, weight: requiredTermWeight }))]).map(
    ({ term, weight }) => ({ id: `pulls ${weight} ${term.id}`, kind: 'pulls', term, weight }) as const,
  );
  return [...forbids.values(), ...pulls];
}

/** Terms that are alike become one with the sum of their weights. */
function merged(terms: readonly WeightedAffinityTerm[]): WeightedAffinityTerm[] {
  const byId = new Map<string, WeightedAffinityTerm>();
  for (const { term, weight } of terms)
    byId.set(term.id, { term, weight: weight + (byId.get(term.id)?.weight ?? 0) });
  return [...byId.values()];
}

function toAffinityTerm(term: PodAffinityTerm, namespace: string, labels: Labels): AffinityTerm {
  const named = term.namespaces ?? [];
  const own = named.length === 0 && term.namespaceSelector === undefined ? [namespace] : named;
  const { topologyKey } = term;
  const selector = withLabelKeys(fromLabelSelector(term.labelSelector), labels, {
    match: term.matchLabelKeys ?? [],
    mismatch: term.mismatchLabelKeys ?? [],
  });
  const namespaceSelector = fromLabelSelector(term.namespaceSelector);
  const namespaces = [...own].sort();
  return {
    id: JSON.stringify([topologyKey, selector, namespaces, namespaceSelector]),
    topologyKey,
    selector,
    namespaces: new Set(namespaces),
    namespaceSelector,
  };
}

/**
 * A selector narrowed to pods that have the same (or another) value of these labels as the pod itself. The API server
 * writes the keys into the selector when it stores a pod; what it has written stands, also when the pod's labels have
 * changed since, and nothing is added twice. Pods that it stored in an older version, or never saw, are narrowed here.
 */
export function withLabelKeys(
  selector: Selector | undefined,
  labels: Labels,
  keys: { readonly match: readonly string[]; readonly mismatch: readonly string[] },
): Selector | undefined {
  if (selector === undefined) return undefined;
  const narrowed = (operator: 'in' | 'notIn', from: readonly string[]): Requirement[] =>
    from.flatMap((key) => {
      const value = Object.hasOwn(labels, key) ? labels[key] : undefined;
      if (value === undefined || isNarrowed(selector, { key, operator, values: [value] })) return [];
      return [{ key, operator, values: [value] }];
    });
  const added = [...narrowed('in', keys.match), ...narrowed('notIn', keys.mismatch)];
  return added.length === 0 ? selector : [...selector, ...added];
}

/** A selector may name a key of `matchLabelKeys` only by the server's hand, one of `mismatchLabelKeys` by the user's too. */
function isNarrowed(selector: Selector, { key, operator, values }: Requirement): boolean {
  return selector.some(
    (other) =>
      other.key === key &&
      other.operator === operator &&
      (operator === 'in' || (other.values.length === 1 && other.values[0] === values[0])),
  );
}
