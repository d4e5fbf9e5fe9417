import type { AnyObject } from '../../../api/kind-info.ts';
import { resourcePrefix } from '../../../apiserver/storage/keys.ts';
import type { Change, History } from '../history.ts';

export interface WatchSelection {
  readonly resource: string;
  /** Empty: all. */
  readonly namespace: string;
  readonly field: { readonly path: readonly string[]; readonly value: string } | undefined;
}

export interface WatchFrame {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK' | 'ERROR';
  readonly object: AnyObject;
}

/** Compares one watch stream with the store's log. */
export class WatchLogCheck {
  readonly #history: History;
  readonly #selection: WatchSelection;
  readonly #initial = new Map<string, string>();
  /** Up to which version the stream has told everything; undefined while it tells the initial state. */
  #version: number | undefined;
  #next = 0;

  constructor(history: History, selection: WatchSelection, from: string) {
    this.#history = history;
    this.#selection = selection;
    this.#version = from === '' ? undefined : Number(from);
  }

  /** @returns what is wrong with the stream after this frame */
  read({ type, object }: WatchFrame): string | undefined {
    if (type === 'ERROR') return undefined;
    const version = Number(object.metadata.resourceVersion);
    if (this.#version === undefined) return this.#readInitial(type, object, version);
    const expected = this.#nextChange(this.#version);
    if (type === 'BOOKMARK') {
      if (expected !== undefined && expected.change.version <= version)
        return `bookmark ${version} skips ${expected.change.version} of ${expected.change.key}`;
      this.#version = Math.max(version, this.#version);
      return undefined;
    }
    if (expected === undefined) return `${type} at ${version} is not in the log`;
    this.#version = version;
    if (expected.change.version !== version)
      return `${type} at ${version}, where ${expected.change.version} of ${expected.change.key} was next`;
    return expected.type === type ? undefined : `${type} at ${version}, which was ${expected.type}`;
  }

  #readInitial(type: string, object: AnyObject, version: number): string | undefined {
    if (type === 'ADDED') {
      this.#initial.set(object.metadata.uid ?? '', object.metadata.resourceVersion ?? '');
      return undefined;
    }
    if (type !== 'BOOKMARK') return `${type} among the initial events`;
    this.#version = version;
    const told = [...this.#initial.values()].sort().join();
    const stored = this.#history
      .statesAt(version, resourcePrefix(this.#selection.resource))
      .filter((each) => this.#selects(each))
      .map(({ metadata }) => metadata.resourceVersion)
      .sort()
      .join();
    return told === stored ? undefined : `initial events are not the state at ${version}`;
  }

  #nextChange(after: number): { readonly change: Change; readonly type: string } | undefined {
    const changes = this.#history.changesOf(this.#selection.resource);
    for (; ; this.#next += 1) {
      const change = changes[this.#next];
      if (change === undefined) return undefined;
      if (change.version <= after) continue;
      const was = change.before !== undefined && this.#selects(change.before);
      const is = change.after !== undefined && this.#selects(change.after);
      if (is) return { change, type: was ? 'MODIFIED' : 'ADDED' };
      if (was) return { change, type: 'DELETED' };
    }
  }

  #selects(object: AnyObject): boolean {
    const { namespace, field } = this.#selection;
    if (namespace !== '' && object.metadata.namespace !== namespace) return false;
    return field === undefined || valueAt(object, field.path) === field.value;
  }
}

function valueAt(object: AnyObject, path: readonly string[]): string {
  let value: unknown = object;
  for (const key of path) {
    if (typeof value !== 'object' || value === null) return '';
    value = Reflect.get(value, key);
  }
  return String(value ?? '');
}
