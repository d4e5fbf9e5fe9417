/** What the store has seen, in order: the measure of all that watchers, readers and writers say. */
export interface TrueEvent {
  readonly version: number;
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly name: string;
  /** Of the object that was written, or that was deleted. */
  readonly uid: string;
  /** The writer's mark; empty for deletions. */
  readonly token: string;
  readonly color: string;
}

/** Objects by name. */
export type TrueState = ReadonlyMap<string, TrueEvent>;

/** An object of the workload, as far as the checks look at it. */
export interface MarkedObject {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>> | undefined;
  };
  readonly data?: Readonly<Record<string, string>> | undefined;
}

export const markOf = ({ metadata, data }: MarkedObject): { uid: string; token: string; color: string } => ({
  uid: metadata.uid,
  token: data?.['token'] ?? '',
  color: metadata.labels?.['color'] ?? '',
});

export class Truth {
  readonly events: TrueEvent[] = [];
  readonly #state = new Map<string, TrueEvent>();

  get lastVersion(): number {
    return this.events.at(-1)?.version ?? 0;
  }

  put(version: number, object: MarkedObject): void {
    const { name } = object.metadata;
    const type = this.#state.has(name) ? 'MODIFIED' : 'ADDED';
    const event: TrueEvent = { version, type, name, ...markOf(object) };
    this.#state.set(name, event);
    this.events.push(event);
  }

  delete(version: number, name: string): void {
    const last = this.#state.get(name);
    this.#state.delete(name);
    if (last !== undefined) this.events.push({ ...last, version, type: 'DELETED', token: '' });
  }

  /** As it was when the store had seen `version`, and no more. */
  stateAt(version: number): TrueState {
    const state = new Map<string, TrueEvent>();
    for (const event of this.events) {
      if (event.version > version) break;
      if (event.type === 'DELETED') state.delete(event.name);
      else state.set(event.name, event);
    }
    return state;
  }

  /** The events that a watch of one colour sees: a change of colour adds or deletes. */
  ofColor(color: string | undefined): readonly TrueEvent[] {
    if (color === undefined) return this.events;
    const shown = new Set<string>();
    return this.events.flatMap((event): TrueEvent[] => {
      const before = shown.has(event.name);
      const now = event.type !== 'DELETED' && event.color === color;
      if (now) shown.add(event.name);
      else shown.delete(event.name);
      if (now) return [{ ...event, type: before ? 'MODIFIED' : 'ADDED' }];
      return before ? [{ ...event, type: 'DELETED' }] : [];
    });
  }
}
