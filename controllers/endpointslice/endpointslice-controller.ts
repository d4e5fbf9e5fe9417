import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { endpointslices } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import type { EventSink } from '../../client/event-recorder.ts';
import { splitKey } from '../../client/object-key.ts';
import { runBounded } from '../batches.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { nodeHealth, zoneLabel } from '../node-state.ts';
import { isNamespaceTerminating } from '../pod-creation.ts';
import { serviceIndex } from '../shared-informers.ts';
import { type EndpointNode, planEndpoints } from './endpoint.ts';
import { managedByLabel, managedByUs, planSlices } from './plan-slices.ts';
import { ServicePods } from './service-pods.ts';
import { watchServices } from './triggers.ts';

const workers = 8;
/** A service that changes again within this time of its last write waits: a burst becomes few writes. */
const coalesceMs = 30;
/** How often to look whether the cache shows the last write at last: its watch may be broken. */
const staleMs = 150;

/**
 * Keeps the EndpointSlices of every service with a selector at what its pods are. The first change is written at once.
 *
 * INVARIANTS: a service's slices are planned only when the cache shows all that was written for it before, else a slice
 * that was just created would be created again.
 */
export class EndpointSliceController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #events: EventSink;
  readonly #servicePods: ServicePods;
  readonly #loop: ReconcileLoop;
  /** Per service: the newest version that a write returned, and when. */
  readonly #written = new Map<string, { readonly version: number; readonly atMs: number }>();

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#events = context.eventsOf('endpoint-slice-controller');
    this.#servicePods = new ServicePods(context.informers);
    const { pods, services, endpointSlices, nodes } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'endpointslice', workers),
      needs: [pods, services, endpointSlices, nodes],
      sync: (key) => this.#sync(key),
    });
    watchServices(context.informers, this.#servicePods, (key) => this.#loop.enqueue(key));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<SyncResult | undefined> {
    const { namespace, name } = splitKey(key);
    const service = this.#context.informers.services.lister.get(namespace, name);
    if (service === undefined) this.#written.delete(key);
    // Slices of a deleted service go with it: the garbage collector follows their owner reference.
    if (service === undefined || service.metadata.deletionTimestamp !== undefined) return undefined;
    if (!hasEndpoints(service)) return undefined;
    const wait = this.#waitMs(key);
    if (wait > 0) return { requeueAfterMs: wait };
    await this.#reconcile(key, service);
    return undefined;
  }

  /** How long to wait because the last write is too recent, or not yet in the cache. */
  #waitMs(key: string): number {
    const written = this.#written.get(key);
    if (written === undefined) return 0;
    const seen = Number(this.#context.informers.endpointSlices.lastResourceVersion ?? 0);
    const recentMs = written.atMs + coalesceMs - this.#context.clock.monotonicMs();
    if (recentMs > 0) return recentMs;
    return seen < written.version ? staleMs : 0;
  }

  async #reconcile(key: string, service: Service): Promise<void> {
    const pods = this.#servicePods.podsOf(service);
    const endpoints = planEndpoints(service, pods, (node) => this.#nodeOf(node));
    const plan = planSlices(service, endpoints, this.#slicesOf(key));
    try {
      await runBounded(plan.toCreate, async (slice) => {
        this.#wrote(key, await this.#context.client.create(endpointslices, slice));
      });
      await runBounded(plan.toUpdate, async (slice) => {
        this.#wrote(key, await this.#context.client.update(endpointslices, slice));
      });
      await runBounded(plan.toDelete, (slice) => this.#delete(slice));
    } catch (error) {
      // The service goes with its namespace, and there is no need to say so.
      if (isNamespaceTerminating(error)) return;
      const message = `Error updating Endpoint Slices for Service ${key}: ${messageOf(error)}`;
      this.#events.event({
        object: service,
        type: 'Warning',
        reason: 'FailedToUpdateEndpointSlices',
        message,
      });
      throw error;
    }
  }

  #slicesOf(key: string): EndpointSlice[] {
    return this.#context.informers.endpointSlices.lister
      .byIndex(serviceIndex, key)
      .filter(({ metadata, addressType }) => {
        return metadata.labels?.[managedByLabel] === managedByUs && addressType === 'IPv4';
      })
      .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
  }

  #nodeOf(name: string): EndpointNode | undefined {
    const node = this.#context.informers.nodes.lister.get(undefined, name);
    if (node === undefined) return undefined;
    return { health: nodeHealth(node), zone: node.metadata.labels?.[zoneLabel] };
  }

  #wrote(key: string, slice: EndpointSlice): void {
    const version = Number(slice.metadata.resourceVersion);
    const before = this.#written.get(key)?.version ?? 0;
    this.#written.set(key, {
      version: Math.max(before, version),
      atMs: this.#context.clock.monotonicMs(),
    });
  }

  async #delete({ metadata }: EndpointSlice): Promise<void> {
    try {
      await this.#context.client.delete(endpointslices, metadata, { uid: metadata.uid });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}

/** False for services whose endpoints are somebody else's business. */
function hasEndpoints({ spec }: Service): boolean {
  return Object.keys(spec.selector ?? {}).length > 0 && spec.type !== 'ExternalName';
}
