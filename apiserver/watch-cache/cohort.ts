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
  /** Where in `frames` what is new to a member begins, for those that joined after some of it. */
  readonly from?: ReadonlyMap<SinkBuffer, number> | undefined;
}

/** What `member` is to get of it. */
export const partFor = ({ frames, from }: Delivery, member: SinkBuffer | undefined): Buffer => {
  const start = member === undefined ? undefined : from?.get(member);
  return start === undefined ? frames : frames.subarray(start);
};

/** Watchers that get the same bytes: same selection, same encoding, all of them up to date. */
export class Cohort {
  readonly id: string;
  readonly kind: CohortKind;
  readonly members: Set<SinkBuffer> = new Set();
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  /** Members that have seen some of what is pending already: so many bytes. */
  #late: Map<SinkBuffer, number> | undefined;
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
    this.#push(frame);
    return true;
  }

  /** A member that is up to date: what is pending now it has seen. */
  join(member: SinkBuffer): void {
    this.members.add(member);
    if (this.#pendingBytes === 0) return;
    this.#late ??= new Map();
    this.#late.set(member, this.#pendingBytes);
  }

  bookmark(version: number): void {
    this.#push(this.kind.encoding.bookmark(version, false));
  }

  /** True once the members of a cohort that `awaitsFirst` belong with the others. */
  get hasOutgrown(): boolean {
    return this.kind.awaitsFirst && this.#hadFirst;
  }

  /** Takes out what is pending, for those who are members now. */
  seal(onSent?: OnSent): Delivery | undefined {
    const [only, ...more] = this.#pending;
    if (only === undefined) return undefined;
    const from = this.#late;
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#late = undefined;
    if (onSent !== undefined)
      for (const { length } of [only, ...more])
        onSent(this.kind.selection.resource, length, this.members.size);
    const frames = more.length === 0 ? only : Buffer.concat([only, ...more]);
    return { frames, members: [...this.members], from };
  }

  #push(frame: Buffer): void {
    this.#pending.push(frame);
    this.#pendingBytes += frame.length;
  }
}
