import { everything } from '../../api/selector.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Storage } from '../storage/storage.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';

/** As long as Kubernetes keeps an event after it was last written. */
export const eventLifeMs = 3_600_000;
const roundMs = 60_000;
/** Events looked at before others get their turn. */
const sliceObjects = 200;
const times = /"(?:creationTimestamp|lastTimestamp|eventTime|lastObservedTime)":"([^"]+)"/g;

export interface EventSweeperOptions {
  readonly cache: ReadCache;
  readonly storage: Pick<Storage, 'delete'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

interface Sighting {
  readonly version: number;
  readonly endMs: number;
}

/** Deletes events an hour after they were last written. Every server does so; who comes second finds nothing. */
export class EventSweeper {
  readonly #options: EventSweeperOptions;
  /** When each event ends, so that its bytes are read once a version. */
  #sightings = new Map<string, Sighting>();

  constructor(options: EventSweeperOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await delay(clock, roundMs, signal);
      if (signal.aborted) return;
      try {
        await this.sweep();
      } catch (error) {
        // The store may be away, or the cache loading: the next round finds the same events.
        logger.warn({ err: error }, 'old events could not be deleted');
      }
    }
  }

  /** One round over all events. Gives the number of those that were past their time. */
  async sweep(): Promise<number> {
    const { cache, clock, storage } = this.#options;
    const seen = new Map<string, Sighting>();
    let ended = 0;
    let after: string | undefined;
    do {
      const selection = { resource: '/events', namespace: '', labels: everything, fields: everything };
      const page = cache.list({ ...selection, after, limit: sliceObjects });
      const old = page.objects.filter((event) => this.#endOf(event, seen) <= clock.nowMs());
      ended += old.length;
      if (old.length > 0) await storage.delete(old.map(({ key, version }) => ({ key, expected: version })));
      after = page.next;
      await new Promise<void>((resolve) => {
        clock.setImmediate(resolve);
      });
    } while (after !== undefined);
    this.#sightings = seen;
    return ended;
  }

  #endOf(event: CachedObject, seen: Map<string, Sighting>): number {
    const known = this.#sightings.get(event.key);
    const sighting = known?.version === event.version ? known : sightingOf(event);
    seen.set(event.key, sighting);
    return sighting.endMs;
  }
}

function sightingOf({ version, json }: CachedObject): Sighting {
  const written = [...json.toString().matchAll(times)].map(([, time = '']) => Date.parse(time));
  return { version, endMs: Math.max(0, ...written.filter(Number.isFinite)) + eventLifeMs };
}
