import { withVersion } from '../storage/envelope.ts';
import type { CacheEvent } from './event-ring.ts';
import type { WatchEncoding } from './read-cache.ts';
import { isSelected, type Selection } from './selection.ts';

type FrameType = 'ADDED' | 'MODIFIED' | 'DELETED';

/**
 * What `event` is to someone who sees only `selection`: an object that stops matching is DELETED there, with its last
 * matching state under the resourceVersion of the change; one that begins to match is ADDED.
 */
export function frameType(selection: Selection, event: CacheEvent): FrameType | undefined {
  const before = event.previous !== undefined && isSelected(selection, event.previous);
  const now = event.object !== undefined && isSelected(selection, event.object);
  if (now) return before ? 'MODIFIED' : 'ADDED';
  return before ? 'DELETED' : undefined;
}

/** Frames of one event, made once per encoding for all cohorts that want them. */
export class EventFrames {
  readonly #event: CacheEvent;
  readonly #made = new Map<string, Buffer>();

  constructor(event: CacheEvent) {
    this.#event = event;
  }

  /** @returns undefined when the event does not concern `selection`. */
  frameFor(selection: Selection, encoding: WatchEncoding, first: boolean): Buffer | undefined {
    const type = frameType(selection, this.#event);
    if (type === undefined) return undefined;
    const id = `${type} ${first} ${encoding.id}`;
    const made = this.#made.get(id);
    if (made !== undefined) return made;
    const frame = encodeFrame(type, this.#event, encoding, first);
    this.#made.set(id, frame);
    return frame;
  }
}

function encodeFrame(type: FrameType, event: CacheEvent, encoding: WatchEncoding, first: boolean): Buffer {
  const { object, previous, version } = event;
  if (type !== 'DELETED' && object !== undefined) return encoding.encode(type, object, first);
  const json = withVersion((previous ?? object)?.json ?? Buffer.alloc(0), version);
  return encoding.encode('DELETED', { json, version }, first);
}
