import { matchesAffinityTerm, type NamespaceLabels } from '../framework/affinity-term.ts';
import type { PodClass } from '../framework/pod-class.ts';

/** Classes on nodes that carry pod (anti-)affinity terms: these look at pods that are placed after them, too. */
export class TermIndex {
  readonly #counts = new Map<PodClass, number>();

  get classes(): Iterable<PodClass> {
    return this.#counts.keys();
  }

  add(podClass: PodClass): void {
    if (hasAffinityTerms(podClass)) this.#counts.set(podClass, (this.#counts.get(podClass) ?? 0) + 1);
  }

  remove(podClass: PodClass): void {
    const count = this.#counts.get(podClass);
    if (count === undefined) return;
    if (count > 1) this.#counts.set(podClass, count - 1);
    else this.#counts.delete(podClass);
  }

  /** Whether a term of a placed pod selects `pod`. */
  concerns(pod: PodClass, namespaceLabels: NamespaceLabels): boolean {
    for (const other of this.#counts.keys())
      for (const term of termsOf(other)) if (matchesAffinityTerm(term, pod, namespaceLabels)) return true;
    return false;
  }
}

const hasAffinityTerms = ({ affinity }: PodClass): boolean =>
  affinity.required.length + affinity.requiredAnti.length + affinity.preferred.length > 0;

/** Whether placing `pod` depends on pods of other nodes by its own wish. */
export const hasTerms = (pod: PodClass): boolean => hasAffinityTerms(pod) || pod.spread.length > 0;

const termsOf = ({ affinity }: PodClass): PodClass['affinity']['required'] => [
  ...affinity.required,
  ...affinity.requiredAnti,
  ...affinity.preferred.map(({ term }) => term),
];
