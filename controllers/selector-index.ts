import type { Pod } from '../api/generated/core-v1.ts';
import type { LabelSelector } from '../api/generated/meta-v1.ts';
import type { ApiObject } from '../api/kind-info.ts';
import { fromLabelSelector, matchesSelector, type Selector } from '../api/selector.ts';
import type { Lister } from '../client/store.ts';

/** Objects with a pod selector, by a label that every pod they select has; `selectingPods` asks it. */
export const selectorIndex = 'selector';

const termOf = (namespace: string | undefined, key: string, value: string): string =>
  `${namespace ?? ''} ${key}=${value}`;
const anyTerm = (namespace: string | undefined): string => `${namespace ?? ''} `;

/** One value under which the index finds a selector: an exact label, or else its namespace. */
export function selectorTerms(
  namespace: string | undefined,
  selector: LabelSelector | undefined,
): readonly string[] {
  const requirements = fromLabelSelector(selector);
  if (requirements === undefined) return [];
  const exact = exactTerm(requirements);
  return [exact === undefined ? anyTerm(namespace) : termOf(namespace, ...exact)];
}

/** A label that whatever `selector` selects has. */
export function exactTerm(selector: Selector): readonly [key: string, value: string] | undefined {
  const exact = selector.find(({ operator, values }) => operator === 'in' && values.length === 1);
  const [value] = exact?.values ?? [];
  return exact === undefined || value === undefined ? undefined : [exact.key, value];
}

/** Who selects `pod`: a look-up for each of its labels, however many objects there are. */
export function selectingPods<T extends ApiObject>(
  lister: Lister<T>,
  pod: Pod,
  selectorOf: (object: T) => LabelSelector | undefined,
): readonly T[] {
  const { namespace, labels = {} } = pod.metadata;
  const terms = Object.entries(labels).map(([key, value]) => termOf(namespace, key, value));
  return [anyTerm(namespace), ...terms]
    .flatMap((term) => lister.byIndex(selectorIndex, term))
    .filter((object) => {
      const selector = fromLabelSelector(selectorOf(object));
      return selector !== undefined && matchesSelector(selector, labels);
    });
}
