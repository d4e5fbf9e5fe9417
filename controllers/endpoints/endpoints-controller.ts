import type { Endpoints } from '../../api/generated/core-v1.ts';
import { endpoints } from '../../api/generated/resources.ts';
import { isAlreadyExists, isNotFound } from '../../api/status-error.ts';
import { keyOf, splitKey } from '../../client/object-key.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { serviceIndex } from '../shared-informers.ts';
import { isSame } from '../structural-equality.ts';
import { planEndpointsObject } from './plan-endpoints.ts';

const workers = 2;
/** Nothing of ours reads Endpoints: they may lag, and cost one write where their slices cost several. */
const lagMs = 500;

/** Keeps an Endpoints object beside the slices of each service with a selector, for programs that still read those. */
export class EndpointsController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #loop: ReconcileLoop;
  /** Services that were seen to go: Endpoints of their name go, too, whoever made them. */
  readonly #gone = new Set<string>();

  constructor(context: ControllerContext) {
    this.#context = context;
    const { services, endpointSlices, endpoints: informer } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'endpoints', workers),
      needs: [services, endpointSlices, informer],
      sync: (key) => this.#sync(key),
    });
    const later = (key: string): void => this.#loop.enqueueAfter(key, lagMs);
    const laterOwner = ({ metadata }: { readonly metadata: Endpoints['metadata'] }): void =>
      later(`${metadata.namespace}/${metadata.labels?.['kubernetes.io/service-name'] ?? ''}`);
    services.addHandler({
      onAdd: (service) => later(keyOf(service)),
      onUpdate: (_previous, service) => later(keyOf(service)),
      onDelete: (service) => {
        this.#gone.add(keyOf(service));
        later(keyOf(service));
      },
    });
    endpointSlices.addHandler({
      onAdd: laterOwner,
      onUpdate: (_previous, slice) => laterOwner(slice),
      onDelete: laterOwner,
    });
    informer.addHandler({ onDelete: (object) => later(keyOf(object)) });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(key: string): Promise<undefined> {
    const { namespace, name } = splitKey(key);
    const { services, endpointSlices, endpoints: informer } = this.#context.informers;
    const service = services.lister.get(namespace, name);
    const current = informer.lister.get(namespace, name);
    if (service === undefined) return this.#deleteOrphan(key, current);
    this.#gone.delete(key);
    if (Object.keys(service.spec.selector ?? {}).length === 0 || service.spec.type === 'ExternalName') return;
    const slices = endpointSlices.lister
      .byIndex(serviceIndex, key)
      .sort((a, b) => a.metadata.name.localeCompare(b.metadata.name));
    const wanted = planEndpointsObject(service, slices);
    if (current === undefined) await this.#create(wanted);
    else if (
      !isSame(current.subsets, wanted.subsets) ||
      !isSame(current.metadata.labels, wanted.metadata.labels)
    )
      await this.#context.client.update(endpoints, {
        ...wanted,
        metadata: { ...current.metadata, ...wanted.metadata },
      });
  }

  async #create(wanted: ReturnType<typeof planEndpointsObject>): Promise<void> {
    try {
      await this.#context.client.create(endpoints, wanted);
    } catch (error) {
      // Our cache is behind, or the namespace is going: either comes with an event of its own.
      if (!isAlreadyExists(error) && !isNotFound(error)) throw error;
    }
  }

  /** Endpoints carry no owner reference: they go with their service. After a restart only those that are ours are known. */
  async #deleteOrphan(key: string, current: Endpoints | undefined): Promise<undefined> {
    const isOurs = current?.metadata.labels?.['endpoints.kubernetes.io/managed-by'] === 'endpoint-controller';
    try {
      if (current !== undefined && (isOurs || this.#gone.has(key)))
        await this.#context.client.delete(endpoints, current.metadata, { uid: current.metadata.uid });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    this.#gone.delete(key);
  }
}
