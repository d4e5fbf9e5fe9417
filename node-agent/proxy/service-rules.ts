import { type AffinityGroup, affinityGroupOf, changeAffinityGroup } from './affinity.ts';
import type { Target } from './endpoints.ts';
import type { Frontend } from './frontend.ts';
import { RuleChange } from './rule-change.ts';
import { countLines, emptyTableText, endpointChain, endpointMap, refuseChain } from './service-table.ts';

interface Applied {
  readonly frontend: Frontend;
  readonly verdict: string;
  /** Endpoints by position in the endpoint map; none when the verdict is not a pick of them. */
  readonly slots: readonly Target[];
}

/**
 * What the kernel's table holds, and the text that brings it to another state.
 *
 * One verdict map per kind of frontend; the endpoints of all frontends with n of them in one map, keyed with a random
 * number below n. A change touches only the elements of its frontend: at 10,000 services this is 20 ms where a chain
 * for each service costs 100 (and a reload 0.5 s instead of 40).
 *
 * INVARIANTS: `plan` changes nothing here; `commit` is called exactly when its transaction has succeeded.
 */
export class ServiceRules {
  readonly #ranges: Parameters<typeof emptyTableText>[0];
  #applied = new Map<string, Applied>();
  #groups = new Map<string, AffinityGroup>();
  #counts = new Set<string>();

  constructor(ranges: Parameters<typeof emptyTableText>[0]) {
    this.#ranges = ranges;
  }

  /** The endpoints that a frontend has in the kernel. */
  appliedEndpoints(id: string): readonly Target[] {
    return this.#applied.get(id)?.frontend.endpoints ?? [];
  }

  /** Forgets the kernel's state: the next plan builds the whole table anew, in one transaction. */
  reset(): string {
    this.#applied = new Map();
    this.#groups = new Map();
    this.#counts = new Set();
    return emptyTableText(this.#ranges);
  }

  /** @param desired what each of these frontends shall be; undefined takes it away */
  plan(desired: ReadonlyMap<string, Frontend | undefined>): { readonly text: string; commit(): void } {
    const change = new RuleChange();
    const next = new Map<string, Applied | undefined>();
    const counts = new Set<string>();
    for (const [id, frontend] of desired) {
      const before = this.#applied.get(id);
      const after = frontend === undefined ? undefined : toApplied(frontend, before);
      this.#ensureCount(change, counts, after);
      changeElements(change, before, after);
      next.set(id, after);
    }
    const groups = this.#changeGroups(change, desired);
    return {
      text: change.text,
      commit: () => {
        for (const [id, applied] of next) setOrDelete(this.#applied, id, applied);
        for (const [name, group] of groups) setOrDelete(this.#groups, name, group);
        for (const count of counts) this.#counts.add(count);
      },
    };
  }

  #ensureCount(change: RuleChange, counts: Set<string>, applied: Applied | undefined): void {
    if (applied === undefined || applied.slots.length === 0) return;
    const { map } = applied.frontend;
    const name = endpointMap(map, applied.slots.length);
    if (this.#counts.has(name) || counts.has(name)) return;
    counts.add(name);
    change.create(countLines(map, applied.slots.length));
  }

  #changeGroups(
    change: RuleChange,
    desired: ReadonlyMap<string, Frontend | undefined>,
  ): Map<string, AffinityGroup | undefined> {
    const touched = new Map<string, AffinityGroup | undefined>();
    const note = (frontend: Frontend | undefined): void => {
      const group = frontend === undefined ? undefined : affinityGroupOf(frontend);
      if (group !== undefined) touched.set(group.name, group);
    };
    for (const id of desired.keys()) {
      const old = this.#applied.get(id)?.frontend;
      const group = old === undefined ? undefined : affinityGroupOf(old);
      if (group !== undefined && !touched.has(group.name)) touched.set(group.name, undefined);
    }
    for (const frontend of desired.values()) note(frontend);
    this.#keepSharedGroups(touched, desired);
    for (const [name, group] of touched) {
      const before = this.#groups.get(name);
      if (!sameGroup(before, group)) changeAffinityGroup(change, before, group);
    }
    return touched;
  }

  /** A group that lost one frontend but has another that does not change now stays. */
  #keepSharedGroups(
    touched: Map<string, AffinityGroup | undefined>,
    desired: ReadonlyMap<string, Frontend | undefined>,
  ): void {
    if (![...touched.values()].includes(undefined)) return;
    for (const [id, { frontend }] of this.#applied) {
      if (desired.has(id)) continue;
      const group = affinityGroupOf(frontend);
      if (group !== undefined && touched.has(group.name) && touched.get(group.name) === undefined)
        touched.set(group.name, group);
    }
  }
}

function toApplied(frontend: Frontend, before: Applied | undefined): Applied {
  const { endpoints, map } = frontend;
  if (endpoints.length === 0) {
    const verdict = frontend.whenEmpty === 'drop' ? 'drop' : `goto ${refuseChain}`;
    return { frontend, verdict, slots: [] };
  }
  const group = affinityGroupOf(frontend);
  if (group !== undefined) return { frontend, verdict: `goto ${group.name}`, slots: [] };
  const slots = assignSlots(before?.slots ?? [], endpoints);
  return { frontend, verdict: `goto ${endpointChain(map, slots.length)}`, slots };
}

/** Endpoints that stay keep their position while the count does, so that only the others are written. */
function assignSlots(before: readonly Target[], endpoints: readonly Target[]): Target[] {
  if (before.length !== endpoints.length) return [...endpoints];
  const wanted = new Set(endpoints);
  const newcomers = endpoints.filter((target) => !before.includes(target));
  return before.map((target) => (wanted.has(target) ? target : (newcomers.pop() ?? target)));
}

function changeElements(change: RuleChange, before: Applied | undefined, after: Applied | undefined): void {
  if (before?.verdict !== after?.verdict) {
    if (before !== undefined) change.deleteElement(before.frontend.map, before.frontend.key);
    if (after !== undefined)
      change.addElement(after.frontend.map, `${after.frontend.key} : ${after.verdict}`);
  }
  const sameCount = before?.slots.length === after?.slots.length;
  before?.slots.forEach((target, slot) => {
    if (sameCount && after?.slots[slot] === target) return;
    change.deleteElement(
      endpointMap(before.frontend.map, before.slots.length),
      `${before.frontend.key} . ${slot}`,
    );
  });
  after?.slots.forEach((target, slot) => {
    if (sameCount && before?.slots[slot] === target) return;
    const { map, key } = after.frontend;
    change.addElement(endpointMap(map, after.slots.length), `${key} . ${slot} : ${target}`);
  });
}

function sameGroup(a: AffinityGroup | undefined, b: AffinityGroup | undefined): boolean {
  return a?.seconds === b?.seconds && a?.endpoints.join() === b?.endpoints.join();
}

function setOrDelete<T>(map: Map<string, T>, key: string, value: T | undefined): void {
  if (value === undefined) map.delete(key);
  else map.set(key, value);
}
