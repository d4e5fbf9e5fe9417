import type { ConfigMap } from '../../api/generated/core-v1.ts';
import { configmaps } from '../../api/generated/resources.ts';
import { isExpired } from '../../api/status-error.ts';
import type { ApiClient, WatchEvent } from '../../client/client.ts';
import { type MarkedObject, markOf } from './truth.ts';
import type { ObservedEvent, ObservedObject, Segment } from './watch-checker.ts';

const retryMs = 30;

export interface ObservedWatcherOptions {
  readonly name: string;
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly namespace: string;
  /** Only objects with this label. */
  readonly color: string | undefined;
}

/**
 * Watches by hand, resumes after the last thing it was told, and writes everything down. It lists again only when the
 * server says that it must.
 */
export class ObservedWatcher {
  readonly segments: Segment[] = [];
  readonly #options: ObservedWatcherOptions;
  #seen = 0;

  constructor(options: ObservedWatcherOptions) {
    this.#options = options;
  }

  get name(): string {
    return this.#options.name;
  }

  get color(): string | undefined {
    return this.#options.color;
  }

  /** Up to which version it has been told everything. */
  get seen(): number {
    return this.#seen;
  }

  /** Lists after the first one. */
  get relists(): number {
    return this.segments.length - 1;
  }

  /** What it holds for the present state. */
  state(): ReadonlyMap<string, ObservedObject> {
    const segment = this.segments.at(-1);
    const state = new Map((segment?.listed ?? []).map((object) => [object.name, object]));
    for (const event of segment?.events ?? []) {
      if (event.type === 'DELETED') state.delete(event.name);
      else if (event.type !== 'BOOKMARK') state.set(event.name, event);
    }
    return state;
  }

  async run(signal: AbortSignal): Promise<void> {
    let current: Segment | undefined;
    while (!signal.aborted) {
      try {
        current ??= await this.#list();
        await this.#follow(current, signal);
      } catch (error) {
        // Anything else is a connection that broke: it goes on where it was.
        if (isExpired(error)) current = undefined;
      }
      if (!signal.aborted) await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }

  async #list(): Promise<Segment> {
    const { client, namespace, color, name } = this.#options;
    const list = await client.list(configmaps, { namespace, labelSelector: this.#selector });
    const from = Number(list.resourceVersion);
    const segment = { watcher: name, color, from, listed: list.items.map(observe), events: [] };
    this.segments.push(segment);
    this.#seen = from;
    return segment;
  }

  async #follow(segment: Segment, signal: AbortSignal): Promise<void> {
    const { client, namespace } = this.#options;
    const request = { namespace, labelSelector: this.#selector, allowWatchBookmarks: true };
    const events = client.watch(configmaps, { ...request, resourceVersion: String(this.#seen) }, signal);
    for await (const event of events) {
      const observed = observeEvent(event);
      segment.events.push(observed);
      this.#seen = observed.version;
    }
  }

  get #selector(): string | undefined {
    const { color } = this.#options;
    return color === undefined ? undefined : `color=${color}`;
  }
}

export function observe(object: MarkedObject): ObservedObject {
  const { name, resourceVersion } = object.metadata;
  return { name, version: Number(resourceVersion), token: markOf(object).token };
}

export function observeEvent(event: WatchEvent<ConfigMap>): ObservedEvent {
  if (event.type !== 'BOOKMARK') return { type: event.type, ...observe(event.object) };
  return { type: 'BOOKMARK', name: '', version: Number(event.object.metadata.resourceVersion), token: '' };
}
