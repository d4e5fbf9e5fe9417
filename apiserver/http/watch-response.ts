import { internalError, StatusError } from '../../api/status-error.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { CacheWatch, CacheWatchRequest, ReadCache, WatchSink } from '../watch-cache/read-cache.ts';
import { TurnQueue } from '../watch-cache/turn-queue.ts';
import { statusBody } from './answer.ts';
import type { ClientResponse } from './client-response.ts';

/** Watches without a time of their own end after this, and up to twice it, so that clients spread out. */
const defaultWatchSeconds = 1800;
/** A longer timer would run out at once. */
const maxTimerMs = 2 ** 31 - 1;

/** What the client wants of the stream itself. */
export interface StreamOptions {
  readonly timeoutSeconds: number | undefined;
  readonly contentType: string;
}

export interface WatchStreamsOptions {
  readonly cache: ReadCache;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when the server ends. */
  readonly signal: AbortSignal;
}

/**
 * The watches of all clients. They begin in turns of the event loop, since thousands come at once when a server before
 * this one has ended; an idle one holds its response, its place in the cache and a timer.
 */
export class WatchStreams {
  readonly #options: WatchStreamsOptions;
  readonly #open = new Set<WatchStream>();
  readonly #turns: TurnQueue;

  constructor(options: WatchStreamsOptions) {
    this.#options = options;
    this.#turns = new TurnQueue({ clock: options.clock });
    options.signal.addEventListener('abort', () => this.#endAll(), { once: true });
  }

  /** Streams a watch until the client goes, its time is over or the cache ends it. Returns before it has begun. */
  begin(response: ClientResponse, request: CacheWatchRequest, options: StreamOptions): void {
    this.#turns.add(() => this.#begin(response, request, options));
  }

  #begin(response: ClientResponse, request: CacheWatchRequest, options: StreamOptions): void {
    if (response.gone) return;
    const { cache, clock, signal } = this.#options;
    const stream = new WatchStream(response, (ended) => this.#open.delete(ended));
    this.#open.add(stream);
    stream.begin(cache, request, options.contentType);
    if (signal.aborted) stream.end();
    else stream.endAfter(clock, this.#watchMs(options.timeoutSeconds));
  }

  /** In whole seconds: timers of the same length share a list. */
  #watchMs(timeoutSeconds: number | undefined): number {
    const seconds = timeoutSeconds ?? 0;
    if (seconds > 0) return Math.min(seconds * 1000, maxTimerMs);
    return Math.round(defaultWatchSeconds * (1 + this.#options.random.next())) * 1000;
  }

  #endAll(): void {
    for (const stream of [...this.#open]) stream.end();
  }
}

class WatchStream implements WatchSink {
  readonly #response: ClientResponse;
  readonly #onEnd: (stream: WatchStream) => void;
  #watch: CacheWatch | undefined;
  #timer: Timer | undefined;
  #ended = false;

  constructor(response: ClientResponse, onEnd: (stream: WatchStream) => void) {
    this.#response = response;
    this.#onEnd = onEnd;
    this.#watch = undefined;
    this.#timer = undefined;
  }

  begin(cache: ReadCache, request: CacheWatchRequest, contentType: string): void {
    const response = this.#response;
    response.onClose(() => this.end());
    response.writeHead(200, { 'content-type': contentType, 'cache-control': 'no-cache, private' });
    // Clients wait for the head before they trust the watch, and the first event may be far away.
    response.flushHead();
    try {
      const watch = cache.watch(request, this);
      if (this.#ended) watch.stop();
      else this.#watch = watch;
    } catch (error) {
      // Too old a version: told inside the stream, as the head is already out.
      const status = error instanceof StatusError ? error : internalError(error);
      response.write(request.encoding.error(statusBody(status)));
      this.end();
    }
  }

  endAfter(clock: Clock, durationMs: number): void {
    if (!this.#ended) this.#timer = clock.setTimer(durationMs, () => this.end(), { unref: true });
  }

  write(frames: Buffer): boolean {
    return this.#response.write(frames);
  }

  onDrain(resume: () => void): void {
    this.#response.onDrain(resume);
  }

  /** To a receiver that does not read, an end in order would wait for as long as the connection lives. */
  end(isTooSlow = false): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#watch?.stop();
    if (isTooSlow) this.#response.abort();
    else this.#response.end();
    this.#onEnd(this);
  }
}
