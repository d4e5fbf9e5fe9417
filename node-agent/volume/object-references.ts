/**
 * ConfigMaps and Secrets that the node's pods refer to. Each is read by name when it is first needed, and followed by a
 * watch of its own (`metadata.name=NAME`) until the last pod that names it is gone: an agent sees nothing that it does
 * not need. Until the watch has shown a whole state every fetch reads anew, so that no pod waits for a watch.
 */
import type { ConfigMap, Pod, Secret } from '../../api/generated/core-v1.ts';
import { configmaps, secrets } from '../../api/generated/resources.ts';
import type { ApiObject, ResourceType } from '../../api/kind-info.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import type { ReferencedObjects } from '../pod/container-environment.ts';
import { referencedNames } from '../pod/object-names.ts';
import { type ClaimedVolumes, readClaimedVolumes } from './claimed-volumes.ts';

export interface ObjectReferencesOptions {
  readonly client: Pick<ApiClient, 'get' | 'list' | 'watch'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** An object that this pod refers to was added, changed or deleted after it was first fetched. */
  readonly onChange: (podUid: string) => void;
}

export interface PodObjects extends ReferencedObjects {
  readonly claimed: ClaimedVolumes;
}

export class ObjectReferences {
  readonly #options: ObjectReferencesOptions;
  readonly #tasks = new TaskGroup();
  readonly #configMaps: FollowedKind<ConfigMap>;
  readonly #secrets: FollowedKind<Secret>;

  constructor(options: ObjectReferencesOptions) {
    this.#options = options;
    this.#configMaps = new FollowedKind(this.#options, configmaps, this.#tasks);
    this.#secrets = new FollowedKind(this.#options, secrets, this.#tasks);
  }

  /** Everything that the pod names, as the API has it now. */
  async fetch(pod: Pod): Promise<PodObjects> {
    const { uid, namespace = '' } = pod.metadata;
    const names = referencedNames(pod);
    const [configMapsByName, secretsByName, claimed] = await Promise.all([
      this.#configMaps.fetch(namespace, names.configMaps, uid),
      this.#secrets.fetch(namespace, names.secrets, uid),
      readClaimedVolumes(this.#options.client, pod),
    ]);
    return {
      configMap: (name) => configMapsByName.get(name),
      secret: (name) => secretsByName.get(name),
      claimed,
    };
  }

  /** The pod is gone. */
  release(podUid: string): void {
    this.#configMaps.release(podUid);
    this.#secrets.release(podUid);
  }

  async stop(): Promise<void> {
    this.#tasks.stop();
    await this.#tasks.join();
  }
}

interface Entry<T extends ApiObject> {
  readonly informer: Informer<T>;
  readonly users: Set<string>;
  readonly abort: AbortController;
  /** Version that was last handed out: the watch's first state is news only when it differs. */
  known: string | undefined;
}

class FollowedKind<T extends ApiObject> {
  readonly #options: ObjectReferencesOptions;
  readonly #type: ResourceType<T>;
  readonly #tasks: TaskGroup;
  readonly #entries = new Map<string, Entry<T>>();

  constructor(options: ObjectReferencesOptions, type: ResourceType<T>, tasks: TaskGroup) {
    this.#options = options;
    this.#type = type;
    this.#tasks = tasks;
  }

  async fetch(
    namespace: string,
    names: ReadonlySet<string>,
    podUid: string,
  ): Promise<ReadonlyMap<string, T>> {
    const found = new Map<string, T>();
    await Promise.all(
      [...names].map(async (name) => {
        const object = await this.#fetchOne(namespace, name, podUid);
        if (object !== undefined) found.set(name, object);
      }),
    );
    return found;
  }

  release(podUid: string): void {
    for (const [key, entry] of this.#entries) {
      entry.users.delete(podUid);
      if (entry.users.size > 0) continue;
      entry.abort.abort();
      this.#entries.delete(key);
    }
  }

  async #fetchOne(namespace: string, name: string, podUid: string): Promise<T | undefined> {
    const key = `${namespace}/${name}`;
    const entry = this.#entries.get(key) ?? this.#follow(key, namespace, name);
    entry.users.add(podUid);
    const object = entry.informer.hasSynced
      ? entry.informer.lister.get(namespace, name)
      : await this.#read(namespace, name);
    entry.known = object?.metadata.resourceVersion;
    return object;
  }

  async #read(namespace: string, name: string): Promise<T | undefined> {
    try {
      return await this.#options.client.get(this.#type, { namespace, name });
    } catch (error) {
      if (isNotFound(error)) return undefined;
      throw error;
    }
  }

  #follow(key: string, namespace: string, name: string): Entry<T> {
    const { client, clock, random, logger, onChange } = this.#options;
    const selection = { namespace, fieldSelector: `metadata.name=${name}` };
    const informer = new Informer({ client, type: this.#type, selection, clock, random, logger });
    const entry: Entry<T> = { informer, users: new Set(), abort: new AbortController(), known: undefined };
    const tell = (version: string | undefined): void => {
      if (version !== undefined && version === entry.known) return;
      for (const user of entry.users) onChange(user);
    };
    informer.addHandler({
      onAdd: (object) => tell(object.metadata.resourceVersion),
      onUpdate: (_previous, object) => tell(object.metadata.resourceVersion),
      onDelete: () => tell(undefined),
    });
    this.#entries.set(key, entry);
    this.#tasks.start((signal) => informer.run(AbortSignal.any([signal, entry.abort.signal])));
    return entry;
  }
}
