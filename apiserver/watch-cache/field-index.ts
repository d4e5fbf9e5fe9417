import { OrderedMap } from '../storage/ordered-map.ts';
import type { IndexedObject } from './cached-object.ts';
import { equalities, fieldOf, type Selection } from './selection.ts';

/** Objects of one resource by the value of a few fields, so that one node's pods are found among 150,000. */
export class FieldIndex {
  readonly #fields: ReadonlyMap<string, Map<string, OrderedMap<IndexedObject>>>;

  constructor(fields: readonly string[]) {
    this.#fields = new Map(fields.map((field) => [field, new Map()]));
  }

  replace(previous: IndexedObject | undefined, object: IndexedObject | undefined): void {
    for (const [field, byValue] of this.#fields) {
      const before = previous && fieldOf(previous, field);
      const now = object && fieldOf(object, field);
      if (previous !== undefined && before !== undefined && before !== now) {
        const objects = byValue.get(before);
        objects?.delete(previous.key);
        if (objects?.size === 0) byValue.delete(before);
      }
      if (object === undefined || now === undefined) continue;
      const objects = byValue.get(now) ?? new OrderedMap<IndexedObject>();
      objects.set(object.key, object);
      byValue.set(now, objects);
    }
  }

  /** A superset of what `selection` selects; undefined when no index serves it. */
  candidates(selection: Selection): OrderedMap<IndexedObject> | undefined {
    for (const { field, value } of equalities(selection)) {
      const byValue = this.#fields.get(field);
      if (byValue !== undefined) return byValue.get(value) ?? new OrderedMap();
    }
    return undefined;
  }
}
