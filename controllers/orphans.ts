import type { ApiObject } from '../api/kind-info.ts';
import type { Selector } from '../api/selector.ts';
import type { Lister } from '../client/store.ts';
import { controllerOf } from './ownership.ts';
import { controllerIndex, labelIndex, labelTerm, orphansOf } from './shared-informers.ts';

/**
 * Those that nobody controls and that `selector` may select, from whichever index has fewest to look at: of ten thousand
 * pods that nobody controls an owner of three looks at three.
 */
export function orphansFor<T extends ApiObject>(
  lister: Lister<T>,
  namespace: string | undefined,
  selector: Selector,
): readonly T[] {
  const orphans = orphansOf(namespace);
  let fewest = lister.countByIndex(controllerIndex, orphans);
  if (fewest === 0) return [];
  let term: string | undefined;
  for (const { key, operator, values } of selector) {
    const [value] = values;
    if (operator !== 'in' || values.length !== 1 || value === undefined) continue;
    const count = lister.countByIndex(labelIndex, labelTerm(namespace, key, value));
    if (count >= fewest) continue;
    fewest = count;
    term = labelTerm(namespace, key, value);
  }
  if (term === undefined) return lister.byIndex(controllerIndex, orphans);
  return lister.byIndex(labelIndex, term).filter((object) => controllerOf(object) === undefined);
}
