import { expired, type StatusBody } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { CatchUp, type CatchUpOutcome } from './catch-up.ts';
import { Cohort, type CohortKind, cohortId, type OnSent } from './cohort.ts';
import { Deliveries } from './deliveries.ts';
import type { CacheEvent } from './event-ring.ts';
import { EventFrames } from './frame.ts';
import type { CacheWatch, CacheWatchRequest, WatchSink } from './read-cache.ts';
import type { ResourceCache } from './resource-cache.ts';
import { SinkBuffer, type SinkOwner } from './sink-buffer.ts';
import { TurnQueue } from './turn-queue.ts';
import { WatcherIndex } from './watcher-index.ts';

/** What the hub needs to know of the cache. */
export interface WatchSource {
  currentVersion(): number;
  resource(name: string): ResourceCache;
}

/**
 * All watchers. A new one catches up by itself, from the present state or the event ring; then it joins its cohort,
 * which is fed by `publish`.
 */
export class WatchHub implements SinkOwner {
  readonly bufferBytes: number;
  readonly #source: WatchSource;
  readonly #logger: Logger;
  readonly #indexes = new Map<string, WatcherIndex>();
  readonly #watchers = new Map<SinkBuffer, CacheWatchRequest['encoding']>();
  readonly #deliveries: Deliveries;
  readonly #catchUps: TurnQueue;
  readonly #onSent: OnSent | undefined;
  readonly #gathered: ReadonlySet<string>;

  constructor(options: {
    readonly source: WatchSource;
    readonly clock: Clock;
    readonly logger: Logger;
    /** For how long the event loop has been busy since its start. */
    readonly busyMs: () => number;
    readonly bufferBytes: number;
    readonly onSent?: OnSent | undefined;
    /** Resources of small objects that thousands follow: changes are gathered for them, the state is kept joined. */
    readonly gathered?: ReadonlySet<string> | undefined;
  }) {
    this.bufferBytes = options.bufferBytes;
    this.#source = options.source;
    this.#logger = options.logger;
    this.#onSent = options.onSent;
    this.#gathered = options.gathered ?? new Set();
    this.#catchUps = new TurnQueue({ clock: options.clock });
    this.#deliveries = new Deliveries({
      clock: options.clock,
      busyMs: options.busyMs,
      onOutgrown: (cohort) => this.#promote(cohort),
      onSent: options.onSent,
      isGathered: (cohort) => this.#isGathered(cohort),
    });
  }

  get size(): number {
    return this.#watchers.size;
  }

  add(request: CacheWatchRequest, sink: WatchSink): CacheWatch {
    const { fromVersion } = request;
    const resource = this.#source.resource(request.resource);
    const { floor } = resource.ring;
    if (fromVersion !== undefined && fromVersion < floor)
      throw expired(`too old resource version: ${fromVersion} (${floor})`);
    const buffer = new SinkBuffer(sink, this);
    this.#watchers.set(buffer, request.encoding);
    const withState = request.sendInitialEvents || request.startWithState;
    const start = withState || fromVersion === undefined ? this.#source.currentVersion() : fromVersion;
    const catchUp = new CatchUp({
      request,
      buffer,
      resource,
      turns: this.#catchUps,
      start,
      withState,
      sharedNow: this.#gathered.has(request.resource) ? () => this.#source.currentVersion() : undefined,
      onSent: this.#onSent,
      onDone: (outcome) => this.#finishCatchUp(buffer, request, outcome),
      onFault: (error) => this.#abandon(buffer, error),
    });
    catchUp.start();
    return buffer;
  }

  /** A change of the cache, in order. */
  publish(resource: string, event: CacheEvent): void {
    const index = this.#indexes.get(resource);
    if (index === undefined) return;
    const frames = new EventFrames(event);
    for (const cohort of index.candidates(event)) if (cohort.offer(frames)) this.#deliveries.add(cohort);
  }

  /** The cache is complete up to `version`: says so to all who want to know. */
  bookmark(version: number): void {
    for (const index of this.#indexes.values())
      for (const cohort of index.cohorts) {
        if (!cohort.kind.bookmarks) continue;
        cohort.bookmark(version);
        this.#deliveries.add(cohort);
      }
  }

  /** Cuts off those that have taken nothing since the last call, though something waits for them. */
  endStalled(): void {
    for (const watcher of [...this.#watchers.keys()]) watcher.look();
  }

  /** Ends every watch, with `status` as its last frame if given. */
  endAll(status?: StatusBody): void {
    for (const [buffer, encoding] of [...this.#watchers]) buffer.end(status && encoding.error(status));
  }

  #abandon(buffer: SinkBuffer, error: unknown): void {
    this.#logger.error({ err: error }, 'bring a watcher up to date');
    buffer.end();
  }

  #finishCatchUp(buffer: SinkBuffer, request: CacheWatchRequest, outcome: CatchUpOutcome): void {
    if (buffer.ended) return;
    if (outcome === 'expired') {
      const status = expired('too old resource version: the watch fell behind the kept events').toBody();
      buffer.end(request.encoding.error(status));
    } else this.#join(buffer, request, outcome === 'current');
  }

  #join(buffer: SinkBuffer, request: CacheWatchRequest, hadNoEvent: boolean): void {
    const { resource, namespace, name, labels, fields, encoding, bookmarks } = request;
    const awaitsFirst = hadNoEvent && encoding.hasFirst;
    const selection = { resource, namespace, name, labels, fields };
    const cohort = this.#cohort({ selection, encoding, bookmarks, awaitsFirst });
    // What is gathered goes on gathering: else every newcomer would make a delivery to all.
    if (!this.#isGathered(cohort)) this.#deliveries.seal(cohort);
    this.#enter(buffer, cohort.hasOutgrown ? this.#cohort(cohort.kind) : cohort);
  }

  #enter(buffer: SinkBuffer, cohort: Cohort): void {
    cohort.join(buffer);
    buffer.cohort = cohort;
  }

  /** Not those whose members change with their first event. */
  #isGathered({ kind }: Cohort): boolean {
    return !kind.awaitsFirst && this.#gathered.has(kind.selection.resource);
  }

  #cohort(kind: CohortKind): Cohort {
    const { resource } = kind.selection;
    const index = this.#indexes.get(resource) ?? new WatcherIndex();
    this.#indexes.set(resource, index);
    const known = index.byId(cohortId(kind));
    if (known !== undefined) return known;
    const cohort = new Cohort(kind);
    index.add(cohort);
    return cohort;
  }

  /** Its members have had their first event: from now on they get what all get. */
  #promote(cohort: Cohort): void {
    this.#indexes.get(cohort.kind.selection.resource)?.remove(cohort);
    const general = this.#cohort({ ...cohort.kind, awaitsFirst: false });
    this.#deliveries.seal(general);
    for (const buffer of cohort.members) this.#enter(buffer, general);
    cohort.members.clear();
  }

  ended(watcher: SinkBuffer): void {
    this.#watchers.delete(watcher);
    const { cohort } = watcher;
    watcher.cohort = undefined;
    cohort?.members.delete(watcher);
    if (cohort !== undefined && cohort.members.size === 0)
      this.#indexes.get(cohort.kind.selection.resource)?.remove(cohort);
  }
}
