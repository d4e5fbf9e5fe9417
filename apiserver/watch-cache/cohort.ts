import type { EventFrames } from './frame.ts';
import type { WatchEncoding } from './read-cache.ts';
import { type Selection, selectionId } from './selection.ts';
import type { SinkBuffer } from './sink-buffer.ts';

export interface CohortKind {
  readonly selection: Selection;
  readonly encoding: WatchEncoding;
  readonly bookmarks: boolean;
  /** Members have had no event yet and their first is encoded differently. */
  readonly awaitsFirst: boolean;
}

export function cohortId(kind: CohortKind): string {
  const flags = `${kind.bookmarks ? 'b' : ''}${kind.awaitsFirst ? 'f' : ''}`;
  return `${flags} ${kind.encoding.id} ${selectionId(kind.selection)}`;
}

/** Is told what is sent: an event of `bytes` bytes to so many `watchers`. */
export type OnSent = (resource: string, bytes: number, watchers: number) => void;

/** Frames that go to some watchers: one buffer for all. */
export interface Delivery {
  readonly frames: Buffer;
  readonly members: readonly SinkBuffer[];
}

/** Watchers that get the same bytes: same selection, same encoding, all of them up to date. */
export class Cohort {
  readonly id: string;
  readonly kind: CohortKind;
  readonly members: Set<SinkBuffer> = new Set();
  #pending: Buffer[] = [];
  #hadFirst = false;

  constructor(kind: CohortKind) {
    this.kind = kind;
    this.id = cohortId(kind);
  }

  /** @returns whether the event concerns this cohort. */
  offer(frames: EventFrames): boolean {
    const { selection, encoding, awaitsFirst } = this.kind;
    const frame = frames.frameFor(selection, encoding, awaitsFirst && !this.#hadFirst);
    if (frame === undefined) return false;
    this.#hadFirst = true;
    this.#pending.push(frame);
    return true;
  }

  bookmark(version: number): void {
    this.#pending.push(this.kind.encoding.bookmark(version, false));
  }

  /** True once the members of a cohort that `awaitsFirst` belong with the others. */
  get hasOutgrown(): boolean {
    return this.kind.awaitsFirst && this.#hadFirst;
  }

  /** Takes out what is pending, for those who are members now. */
  seal(onSent?: OnSent): Delivery | undefined {
    const [only, ...more] = this.#pending;
    if (only === undefined) return undefined;
    this.#pending = [];
    if (onSent !== undefined)
      for (const { length } of [only, ...more])
        onSent(this.kind.selection.resource, length, this.members.size);
    return { frames: more.length === 0 ? only : Buffer.concat([only, ...more]), members: [...this.members] };
  }
}
