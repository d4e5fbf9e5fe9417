import { internalError, StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Random } from '../../base/random.ts';
import type { CacheWatch, CacheWatchRequest, ReadCache, WatchSink } from '../watch-cache/read-cache.ts';
import { statusBody } from './answer.ts';
import type { ClientResponse } from './client-response.ts';

/** Watches without a time of their own end after this, and up to twice it, so that clients spread out. */
const defaultWatchSeconds = 1800;

export interface WatchStream {
  readonly cache: ReadCache;
  readonly response: ClientResponse;
  readonly request: CacheWatchRequest;
  readonly timeoutSeconds: number | undefined;
  readonly clock: Clock;
  readonly random: Random;
  /** Aborts when the server ends. */
  readonly signal: AbortSignal;
}

/** Streams a watch until the client goes, its time is over or the cache ends it. Resolves at the end. */
export function streamWatch(stream: WatchStream): Promise<void> {
  const { response, signal, clock } = stream;
  return new Promise((resolve) => {
    let watch: CacheWatch | undefined;
    let ended = false;
    const end = (): void => {
      if (ended) return;
      ended = true;
      timer.cancel();
      signal.removeEventListener('abort', end);
      watch?.stop();
      response.end();
      resolve();
    };
    const timer = clock.setTimer(watchMs(stream), end, { unref: true });
    response.onClose(end);
    signal.addEventListener('abort', end, { once: true });
    response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
    // Clients wait for the head before they trust the watch, and the first event may be far away.
    response.flushHead();
    try {
      watch = stream.cache.watch(stream.request, toSink(response, end));
      if (ended || signal.aborted) {
        watch.stop();
        end();
      }
    } catch (error) {
      // Too old a version: told inside the stream, as the head is already out.
      const status = error instanceof StatusError ? error : internalError(error);
      response.write(stream.request.encoding.error(statusBody(status)));
      end();
    }
  });
}

function watchMs(stream: WatchStream): number {
  const seconds = stream.timeoutSeconds ?? 0;
  if (seconds > 0) return seconds * 1000;
  return defaultWatchSeconds * 1000 * (1 + stream.random.next());
}

function toSink(response: ClientResponse, end: () => void): WatchSink {
  return {
    write: (frames) => response.write(frames),
    onDrain: (resume) => response.onDrain(resume),
    end,
  };
}
