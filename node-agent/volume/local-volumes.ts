/**
 * Directories that are volumes made on demand, each named after its PersistentVolume, below one directory of the node.
 * A directory is made when it is first used. It is removed only when its volume is there, released and being deleted:
 * a volume that is missing, whatever the reason, costs nobody their data. Then the volume is let go.
 */
import { chmod, mkdir, readdir, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { PersistentVolume } from '../../api/generated/core-v1.ts';
import { persistentvolumes } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import { localVolumeFinalizer } from '../../api/volume-claim.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { WorkQueue } from '../../client/work-queue.ts';

export interface LocalVolumesOptions {
  readonly root: string;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

export class LocalVolumes {
  readonly #options: LocalVolumesOptions;
  readonly #tasks = new TaskGroup();
  readonly #followed = new Map<
    string,
    { readonly informer: Informer<PersistentVolume>; readonly abort: AbortController }
  >();
  /** Volumes to look at. */
  readonly #queue: WorkQueue<string>;

  constructor(options: LocalVolumesOptions) {
    this.#options = options;
    this.#queue = new WorkQueue(options);
  }

  /** Whether the volume is one of these. */
  has({ metadata, spec }: PersistentVolume): boolean {
    return spec?.local?.path === this.#pathOf(metadata.name) && !metadata.name.includes('/');
  }

  async ensure({ metadata }: PersistentVolume): Promise<void> {
    const path = this.#pathOf(metadata.name);
    // Whatever user the pod runs as may write, as with an emptyDir.
    if ((await mkdir(path, { recursive: true })) !== undefined) await chmod(path, 0o777);
    this.#follow(metadata.name);
  }

  async run(signal: AbortSignal): Promise<void> {
    await mkdir(this.#options.root, { recursive: true, mode: 0o755 });
    for (const name of await readdir(this.#options.root)) this.#follow(name);
    await this.#work(signal);
    this.#tasks.stop();
    await this.#tasks.join();
  }

  #pathOf(name: string): string {
    return join(this.#options.root, name);
  }

  #follow(name: string): void {
    if (this.#followed.has(name)) return;
    const { client, clock, random, logger } = this.#options;
    const selection = { fieldSelector: `metadata.name=${name}` };
    const informer = new Informer({ client, clock, random, logger, selection, type: persistentvolumes });
    const abort = new AbortController();
    informer.addHandler({
      onAdd: () => this.#queue.add(name),
      onUpdate: () => this.#queue.add(name),
    });
    this.#followed.set(name, { informer, abort });
    this.#tasks.start((signal) => informer.run(AbortSignal.any([signal, abort.signal])));
  }

  async #work(signal: AbortSignal): Promise<void> {
    for (;;) {
      const name = await this.#queue.get(signal);
      if (name === undefined) return;
      try {
        await this.#remove(name);
        this.#queue.forget(name);
      } catch (error) {
        // Somebody else changed the volume meanwhile: the next look goes by what it is now.
        if (!isConflict(error))
          this.#options.logger.warn({ err: error, volume: name }, 'remove a local volume');
        this.#queue.addRateLimited(name);
      } finally {
        this.#queue.done(name);
      }
    }
  }

  async #remove(name: string): Promise<void> {
    const followed = this.#followed.get(name);
    const volume = followed?.informer.lister.get(undefined, name);
    if (followed === undefined || volume === undefined || !this.has(volume) || !isToGo(volume)) return;
    const path = this.#pathOf(name);
    if (dirname(path) !== this.#options.root) return;
    await rm(path, { recursive: true, force: true });
    const { uid, resourceVersion, finalizers = [] } = volume.metadata;
    const left = finalizers.filter((each) => each !== localVolumeFinalizer);
    const body = { metadata: { uid, resourceVersion, finalizers: left } };
    try {
      await this.#options.client.patch(persistentvolumes, { name }, { type: 'merge', body });
    } catch (error) {
      // Somebody else has let it go.
      if (!isNotFound(error)) throw error;
    }
    followed.abort.abort();
    this.#followed.delete(name);
  }
}

/** Its claim is gone, and with it the last pod that used it. */
const isToGo = ({ metadata, spec, status }: PersistentVolume): boolean =>
  metadata.deletionTimestamp !== undefined &&
  spec?.persistentVolumeReclaimPolicy === 'Delete' &&
  status?.phase === 'Released' &&
  (metadata.finalizers ?? []).includes(localVolumeFinalizer);
