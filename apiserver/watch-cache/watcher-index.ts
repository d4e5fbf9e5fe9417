import type { Cohort } from './cohort.ts';
import type { CacheEvent } from './event-ring.ts';
import { equalities, fieldOf, selectedName } from './selection.ts';

/** Where a cohort is found: by the narrowest thing that its selection says. */
type Slot =
  | { readonly by: 'name'; readonly value: string }
  | { readonly by: 'namespace'; readonly value: string }
  | { readonly by: 'field'; readonly field: string; readonly value: string }
  | { readonly by: 'everything' };

/** The cohorts of one resource, so that an event costs only those it may concern. */
export class WatcherIndex {
  readonly #cohorts = new Map<string, Cohort>();
  readonly #everything = new Set<Cohort>();
  readonly #names = new Map<string, Set<Cohort>>();
  readonly #namespaces = new Map<string, Set<Cohort>>();
  readonly #fields = new Map<string, Map<string, Set<Cohort>>>();

  get cohorts(): Iterable<Cohort> {
    return this.#cohorts.values();
  }

  byId(id: string): Cohort | undefined {
    return this.#cohorts.get(id);
  }

  add(cohort: Cohort): void {
    this.#cohorts.set(cohort.id, cohort);
    const slot = slotOf(cohort);
    if (slot.by === 'everything') this.#everything.add(cohort);
    else {
      const map = this.#slotMap(slot);
      map.set(slot.value, (map.get(slot.value) ?? new Set<Cohort>()).add(cohort));
    }
  }

  remove(cohort: Cohort): void {
    this.#cohorts.delete(cohort.id);
    const slot = slotOf(cohort);
    if (slot.by === 'everything') {
      this.#everything.delete(cohort);
      return;
    }
    const map = this.#slotMap(slot);
    const cohorts = map.get(slot.value);
    cohorts?.delete(cohort);
    if (cohorts?.size === 0) map.delete(slot.value);
  }

  /** Each cohort that `event` may concern, once. */
  *candidates(event: CacheEvent): Generator<Cohort> {
    const some = event.object ?? event.previous;
    if (some === undefined) return;
    yield* this.#everything;
    yield* this.#namespaces.get(some.namespace) ?? [];
    yield* this.#names.get(some.name) ?? [];
    for (const [field, byValue] of this.#fields) {
      const now = event.object && fieldOf(event.object, field);
      const before = event.previous && fieldOf(event.previous, field);
      if (now !== undefined) yield* byValue.get(now) ?? [];
      if (before !== undefined && before !== now) yield* byValue.get(before) ?? [];
    }
  }

  #slotMap(slot: Exclude<Slot, { by: 'everything' }>): Map<string, Set<Cohort>> {
    if (slot.by === 'name') return this.#names;
    if (slot.by === 'namespace') return this.#namespaces;
    const byValue = this.#fields.get(slot.field) ?? new Map<string, Set<Cohort>>();
    this.#fields.set(slot.field, byValue);
    return byValue;
  }
}

function slotOf(cohort: Cohort): Slot {
  const { selection } = cohort.kind;
  const name = selectedName(selection);
  if (name !== undefined) return { by: 'name', value: name };
  const equality = equalities(selection).find(({ field }) => !field.startsWith('metadata.'));
  if (equality !== undefined) return { by: 'field', ...equality };
  return selection.namespace === '' ? { by: 'everything' } : { by: 'namespace', value: selection.namespace };
}
