/**
 * ConfigMaps and Secrets that the node's pods refer to. Each is followed by a watch of its own (`metadata.name=NAME`)
 * from the first pod that names it until the last such pod is gone: an agent sees nothing that it does not need.
 */
import type { ConfigMap, Pod, Secret } from '../../api/generated/core-v1.ts';
import { configmaps, secrets } from '../../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import { type Clock, delay } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import type { ReferencedObjects } from '../pod/container-environment.ts';
import { referencedNames } from '../pod/object-names.ts';

const fetchDeadlineMs = 10_000;

/** An object did not come in time: the API does not answer, or refuses. */
export class ObjectFetchError extends Error {
  readonly code = 'OBJECT_FETCH';
}

export interface ObjectReferencesOptions {
  readonly client: Pick<ApiClient, 'list' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** An object that this pod refers to was added, changed or deleted after it was first fetched. */
  readonly onChange: (podUid: string) => void;
}

interface Entry<T extends ApiObject> {
  readonly informer: Informer<T>;
  readonly users: Set<string>;
  readonly abort: AbortController;
}

export class ObjectReferences {
  readonly #options: ObjectReferencesOptions;
  readonly #tasks = new TaskGroup();
  readonly #configMaps = new Map<string, Entry<ConfigMap>>();
  readonly #secrets = new Map<string, Entry<Secret>>();

  constructor(options: ObjectReferencesOptions) {
    this.#options = options;
  }

  /** Everything that the pod names, as the API has it now. @throws ObjectFetchError */
  async fetch(pod: Pod): Promise<ReferencedObjects> {
    const { uid, namespace = '' } = pod.metadata;
    const names = referencedNames(pod);
    const wanted = [
      ...[...names.configMaps].map((name) =>
        this.#follow(this.#configMaps, configmaps, { namespace, name }, uid),
      ),
      ...[...names.secrets].map((name) => this.#follow(this.#secrets, secrets, { namespace, name }, uid)),
    ];
    await Promise.all(
      wanted.filter(({ informer }) => !informer.hasSynced).map(({ informer }) => this.#synced(informer, pod)),
    );
    return {
      configMap: (name) => this.#configMaps.get(`${namespace}/${name}`)?.informer.lister.get(namespace, name),
      secret: (name) => this.#secrets.get(`${namespace}/${name}`)?.informer.lister.get(namespace, name),
    };
  }

  /** The pod is gone. */
  release(podUid: string): void {
    for (const entries of [this.#configMaps, this.#secrets])
      for (const [key, entry] of entries) {
        entry.users.delete(podUid);
        if (entry.users.size > 0) continue;
        entry.abort.abort();
        entries.delete(key);
      }
  }

  async stop(): Promise<void> {
    this.#tasks.stop();
    await this.#tasks.join();
  }

  async #synced(
    informer: { whenSynced(signal: AbortSignal): Promise<void>; readonly hasSynced: boolean },
    pod: Pod,
  ): Promise<void> {
    const waiting = new AbortController();
    const timeout = delay(this.#options.clock, fetchDeadlineMs, waiting.signal).then(() => waiting.abort());
    await informer.whenSynced(waiting.signal);
    waiting.abort();
    await timeout;
    if (!informer.hasSynced)
      throw new ObjectFetchError(`fetch the objects that pod ${pod.metadata.name} refers to: timed out`);
  }

  #follow<T extends ApiObject>(
    entries: Map<string, Entry<T>>,
    type: ResourceType<T>,
    ref: { readonly namespace: string; readonly name: string },
    podUid: string,
  ): Entry<T> {
    const key = `${ref.namespace}/${ref.name}`;
    const known = entries.get(key);
    if (known !== undefined) {
      known.users.add(podUid);
      return known;
    }
    const { client, clock, random, logger, onChange } = this.#options;
    const selection = { namespace: ref.namespace, fieldSelector: `metadata.name=${ref.name}` };
    const informer = new Informer({ client, type, selection, clock, random, logger });
    const entry: Entry<T> = { informer, users: new Set([podUid]), abort: new AbortController() };
    const tell = (): void => {
      if (informer.hasSynced) for (const user of entry.users) onChange(user);
    };
    informer.addHandler({ onAdd: tell, onUpdate: tell, onDelete: tell });
    entries.set(key, entry);
    this.#tasks.start((signal) => informer.run(AbortSignal.any([signal, entry.abort.signal])));
    return entry;
  }
}
