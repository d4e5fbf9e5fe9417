import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import { delay } from '../../base/clock.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { Informer, type InformerHandler } from '../../client/informer.ts';
import type { ControllerContext } from '../context.ts';
import { type DiscoveredResource, discoverResources } from '../discovery.ts';
import type { SharedInformer } from '../shared-informers.ts';

/** Custom kinds come and go. */
const discoveryPeriodMs = 30_000;

/** Kinds that own nothing, are owned by nothing worth following, and change all the time. */
const ignored: ReadonlySet<string> = new Set([
  'events.',
  'events.events.k8s.io',
  'leases.coordination.k8s.io',
]);

interface Monitor {
  readonly source: SharedInformer;
  readonly stop: () => void;
}

export type HandlerOf = (type: ResourceType<ApiObject>) => InformerHandler<ApiObject>;

const keyOf = ({ plural, group }: ResourceType<ApiObject>): string => `${plural}.${group}`;

/** Follows every kind that can be watched and deleted; kinds that other loops follow are not watched twice. */
export class Monitors {
  readonly #context: ControllerContext;
  readonly #handlerOf: HandlerOf;
  readonly #monitors = new Map<string, Monitor>();
  #types = new Map<string, ResourceType<ApiObject>>();

  constructor(context: ControllerContext, handlerOf: HandlerOf) {
    this.#context = context;
    this.#handlerOf = handlerOf;
  }

  /** The resource of an owner reference's kind, in the version that is followed. */
  typeOf(apiVersion: string, kind: string): ResourceType<ApiObject> | undefined {
    const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
    return this.#types.get(`${kind}.${group}`);
  }

  /** Calls `onSynced` when all kinds of the first discovery are followed; goes on until `signal` aborts. */
  async run(signal: AbortSignal, onSynced: () => void): Promise<void> {
    const group = new TaskGroup(signal);
    let synced = false;
    while (!signal.aborted) {
      if (await this.#refresh(group)) {
        await Promise.all([...this.#monitors.values()].map(({ source }) => source.whenSynced(signal)));
        if (!synced && !signal.aborted) onSynced();
        synced = true;
      }
      await delay(this.#context.clock, synced ? discoveryPeriodMs : 1_000, signal);
    }
    await group.join();
  }

  /** @returns false when the server cannot tell what it offers. */
  async #refresh(group: TaskGroup): Promise<boolean> {
    let resources: readonly DiscoveredResource[];
    try {
      resources = await discoverResources(this.#context.client);
    } catch (error) {
      this.#context.logger.warn({ err: error }, 'discover kinds for garbage collection');
      return false;
    }
    const followed = resources.filter(({ type, verbs }) => isFollowed(type, verbs));
    this.#types = new Map(followed.map(({ type }) => [`${type.kind}.${type.group}`, type]));
    const keys = new Set(followed.map(({ type }) => keyOf(type)));
    for (const [key, { stop }] of this.#monitors)
      if (!keys.has(key)) {
        stop();
        this.#monitors.delete(key);
      }
    for (const { type } of followed) {
      if (this.#monitors.has(keyOf(type))) continue;
      const monitor = this.#follow(type, group);
      monitor.source.addHandler(this.#handlerOf(type));
      this.#monitors.set(keyOf(type), monitor);
    }
    return true;
  }

  #follow(type: ResourceType<ApiObject>, group: TaskGroup): Monitor {
    const shared = this.#context.informers.find(type);
    if (shared !== undefined) return { source: shared, stop: () => undefined };
    const { client, clock, random, logger } = this.#context;
    const informer = new Informer({ client, clock, random, logger, type, transform: metadataOnly });
    const ending = new AbortController();
    group.start((signal) => informer.run(AbortSignal.any([signal, ending.signal])));
    return { source: informer, stop: () => ending.abort() };
  }
}

function isFollowed(type: ResourceType<ApiObject>, verbs: ReadonlySet<string>): boolean {
  return ['list', 'watch', 'delete'].every((verb) => verbs.has(verb)) && !ignored.has(keyOf(type));
}

function metadataOnly({ apiVersion, kind, metadata }: ApiObject): ApiObject {
  const { managedFields: _managedFields, annotations: _annotations, labels: _labels, ...kept } = metadata;
  return { apiVersion, kind, metadata: kept };
}
