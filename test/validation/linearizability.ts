/**
 * Reads and writes against the order in which the store carried them out. The store numbers every change, so that the
 * search that a checker of unknown registers needs (Wing and Gong) is not: an operation must only lie between those
 * that ended before it began and those that began after it ended.
 *
 * Stricter than linearizability of each object: the order holds over all objects together.
 */
import type { TrueEvent, Truth } from './truth.ts';

interface Interval {
  /** Ticks of one counter for all operations. */
  readonly began: number;
  readonly ended: number;
}

export interface WriteOperation extends Interval {
  readonly kind: 'put';
  readonly name: string;
  readonly token: string;
  /** `unknown`: the answer got lost, or said that nobody knows. */
  readonly outcome: 'done' | 'refused' | 'unknown';
  /** As answered; 0 unless done. */
  readonly version: number;
}

export interface DeleteOperation extends Interval {
  readonly kind: 'delete';
  readonly name: string;
  /** The object that was meant, and no other of its name. */
  readonly uid: string;
  readonly outcome: 'done' | 'refused' | 'unknown';
}

export interface GetOperation extends Interval {
  readonly kind: 'get';
  readonly name: string;
  /** 0: there was none. */
  readonly version: number;
  readonly token: string;
}

export interface ListOperation extends Interval {
  readonly kind: 'list';
  readonly version: number;
  readonly objects: readonly { readonly name: string; readonly version: number }[];
}

export type Operation = WriteOperation | DeleteOperation | GetOperation | ListOperation;

/** Everything that contradicts the order of the store. */
export function contradictions(operations: readonly Operation[], truth: Truth): string[] {
  const history = new History(truth);
  const bounds = boundsOf(operations, history);
  return operations.flatMap((operation) => {
    const [floor, ceiling] = [bounds.floorAt(operation.began), bounds.ceilingAt(operation.ended)];
    const why = contradictionIn(operation, { history, floor, ceiling });
    return why === undefined ? [] : [`${describe(operation)}: ${why}`];
  });
}

class History {
  readonly #byVersion = new Map<number, TrueEvent>();
  readonly #byName = new Map<string, TrueEvent[]>();
  readonly #deletions = new Map<string, number>();
  readonly #tokens = new Set<string>();
  readonly #truth: Truth;

  constructor(truth: Truth) {
    this.#truth = truth;
    for (const event of truth.events) {
      this.#byVersion.set(event.version, event);
      const events = this.#byName.get(event.name);
      if (events === undefined) this.#byName.set(event.name, [event]);
      else events.push(event);
      if (event.type === 'DELETED') this.#deletions.set(event.uid, event.version);
      else this.#tokens.add(event.token);
    }
  }

  at(version: number): TrueEvent | undefined {
    return this.#byVersion.get(version);
  }

  hasToken(token: string): boolean {
    return this.#tokens.has(token);
  }

  deletionOf(uid: string): number | undefined {
    return this.#deletions.get(uid);
  }

  sizeAt(version: number): number {
    return this.#truth.stateAt(version).size;
  }

  /** Was the object at `version` (0: absent) the present one at some moment between the two bounds? */
  isPresent(name: string, version: number, [floor, ceiling]: readonly [number, number]): boolean {
    let start = 0;
    let present = 0;
    for (const event of this.#byName.get(name) ?? []) {
      if (present === version && start <= ceiling && event.version - 1 >= floor) return true;
      start = event.version;
      present = event.type === 'DELETED' ? 0 : event.version;
    }
    return present === version && start <= ceiling;
  }
}

interface Bounds {
  /** What every operation that begins then must have seen. */
  floorAt(began: number): number;
  /** What no operation that ended then can have seen. */
  ceilingAt(ended: number): number;
}

function boundsOf(operations: readonly Operation[], history: History): Bounds {
  const known = operations.flatMap((operation) => {
    const version = versionSeen(operation, history);
    return version === 0 ? [] : [{ ...operation, version }];
  });
  const byEnd = [...known].sort((left, right) => left.ended - right.ended);
  const writes = known.filter(({ kind }) => kind === 'put' || kind === 'delete');
  return {
    floorAt: (began) => {
      let floor = 0;
      for (const { ended, version } of byEnd) {
        if (ended > began) break;
        floor = Math.max(floor, version);
      }
      return floor;
    },
    ceilingAt: (ended) =>
      writes.reduce(
        (least, { began, version }) => (began > ended ? Math.min(least, version - 1) : least),
        Number.MAX_SAFE_INTEGER,
      ),
  };
}

/** A version up to which the operation proves the store to have come; 0 when it proves nothing. */
function versionSeen(operation: Operation, history: History): number {
  switch (operation.kind) {
    case 'put':
    case 'get':
    case 'list':
      return operation.version;
    case 'delete':
      return operation.outcome === 'done' ? (history.deletionOf(operation.uid) ?? 0) : 0;
  }
}

interface Place {
  readonly history: History;
  readonly floor: number;
  readonly ceiling: number;
}

function contradictionIn(operation: Operation, place: Place): string | undefined {
  switch (operation.kind) {
    case 'put':
      return contradictionInPut(operation, place);
    case 'delete':
      return contradictionInDelete(operation, place);
    case 'get':
      return contradictionInGet(operation, place);
    case 'list':
      return contradictionInList(operation, place);
  }
}

function contradictionInPut(put: WriteOperation, { history, floor }: Place): string | undefined {
  if (put.outcome === 'refused')
    return history.hasToken(put.token) ? 'it was refused and is there' : undefined;
  if (put.outcome === 'unknown') return undefined;
  const event = history.at(put.version);
  if (event === undefined || event.name !== put.name || event.token !== put.token)
    return `it was answered with ${put.version}, and the store has something else there`;
  return put.version <= floor
    ? `it lies at ${put.version}, and ${floor} had been seen before it began`
    : undefined;
}

function contradictionInDelete(operation: DeleteOperation, { history, floor }: Place): string | undefined {
  if (operation.outcome !== 'done') return undefined;
  const version = history.deletionOf(operation.uid);
  if (version === undefined) return 'it was answered and never happened';
  return version <= floor ? `it lies at ${version}, and ${floor} had been seen before it began` : undefined;
}

function contradictionInGet(get: GetOperation, { history, floor, ceiling }: Place): string | undefined {
  if (get.version !== 0 && history.at(get.version)?.token !== get.token)
    return `it shows what was never written at ${get.version}`;
  if (history.isPresent(get.name, get.version, [floor, ceiling])) return undefined;
  return `it shows ${get.version}, which was not present between ${floor} and ${ceiling}`;
}

function contradictionInList(list: ListOperation, { history, floor, ceiling }: Place): string | undefined {
  if (list.version < floor) return `it is of ${list.version}, and ${floor} had been seen before it began`;
  if (list.version > ceiling)
    return `it is of ${list.version}, and ${ceiling + 1} had not begun when it ended`;
  const at: readonly [number, number] = [list.version, list.version];
  const wrong = list.objects.find(({ name, version }) => !history.isPresent(name, version, at));
  if (wrong !== undefined)
    return `it shows ${wrong.name} at ${wrong.version}, not as it was at ${list.version}`;
  return list.objects.length === history.sizeAt(list.version)
    ? undefined
    : `it is not whole at ${list.version}`;
}

function describe(operation: Operation): string {
  const name = operation.kind === 'list' ? '' : ` ${operation.name}`;
  return `${operation.kind}${name} (${operation.began}..${operation.ended})`;
}
