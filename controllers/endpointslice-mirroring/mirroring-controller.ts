import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpointslices } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { serviceIndex } from '../shared-informers.ts';
import { isMirrored, planMirror, wantsMirror } from './plan-mirror.ts';

const workers = 2;
/** Until the cache shows what was written last. */
const staleMs = 50;

/** Gives Endpoints that were made by hand the slices that nodes read. */
export class MirroringController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #loop: ReconcileLoop;
  #written = 0;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { services, endpointSlices, endpoints } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'endpointslice-mirroring', workers),
      needs: [services, endpointSlices, endpoints],
      sync: (key) => this.#sync(key),
    });
    const enqueue = (object: Parameters<typeof keyOf>[0]): void => this.#loop.enqueue(keyOf(object));
    for (const informer of [services, endpoints])
      informer.addHandler({
        onAdd: enqueue,
        onUpdate: (_previous, object) => enqueue(object),
        onDelete: enqueue,
      });
    const enqueueService = (slice: EndpointSlice): void => {
      const name = slice.metadata.labels?.['kubernetes.io/service-name'];
      if (isMirrored(slice) && name !== undefined) this.#loop.enqueue(`${slice.metadata.namespace}/${name}`);
    };
    endpointSlices.addHandler({
      onUpdate: (_previous, slice) => enqueueService(slice),
      onDelete: enqueueService,
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const { services, endpointSlices, endpoints: informer } = this.#context.informers;
    const endpoints = informer.lister.get(namespace, name);
    const service = services.lister.get(namespace, name);
    const existing = endpointSlices.lister.byIndex(serviceIndex, key).filter(isMirrored);
    const isWanted = wantsMirror(endpoints, service);
    if (!isWanted && existing.length === 0) return undefined;
    if (Number(endpointSlices.lastResourceVersion ?? 0) < this.#written) return { requeueAfterMs: staleMs };
    const plan = planMirror(isWanted ? endpoints : undefined, existing);
    const { client } = this.#context;
    for (const slice of plan.toCreate) this.#wrote(await client.create(endpointslices, slice));
    for (const slice of plan.toUpdate) this.#wrote(await client.update(endpointslices, slice));
    for (const slice of plan.toDelete) await this.#delete(slice);
    return undefined;
  }

  #wrote({ metadata }: EndpointSlice): void {
    this.#written = Math.max(this.#written, Number(metadata.resourceVersion));
  }

  async #delete({ metadata }: EndpointSlice): Promise<void> {
    try {
      await this.#context.client.delete(endpointslices, metadata, { uid: metadata.uid });
    } catch (error) {
      // The garbage collector follows the owner reference, and may have been quicker.
      if (!isNotFound(error)) throw error;
    }
  }
}
