import type { Namespace } from '../../api/generated/core-v1.ts';
import { namespaces } from '../../api/generated/resources.ts';
import type { AnyObject, ResourceType } from '../../api/kind-info.ts';
import { isNotFound, StatusError } from '../../api/status-error.ts';
import { messageOf } from '../../base/invariant.ts';
import { runBounded } from '../batches.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type DiscoveredResource, discoverResources } from '../discovery.ts';
import { type ControlLoop, ReconcileLoop, type SyncResult } from '../loop.ts';
import { isSame } from '../structural-equality.ts';
import { type Findings, planNamespaceConditions, type Remaining } from './plan-namespace.ts';
import { RecheckPace } from './recheck-pace.ts';

const workers = 4;
const finalizer = 'kubernetes';
/** Kinds emptied at the same time at most. */
const parallelKinds = 16;

/** Empties a namespace that is being deleted, pods first, and lets it go when nothing is left. */
export class NamespaceController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #loop: ReconcileLoop;
  readonly #pace: RecheckPace;

  constructor(context: ControllerContext) {
    this.#context = context;
    this.#pace = new RecheckPace(context.random);
    const { namespaces: informer, pods } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'namespace', workers),
      needs: [informer],
      sync: (name) => this.#sync(name),
    });
    const consider = ({ metadata }: Namespace): void => {
      if (metadata.deletionTimestamp !== undefined) this.#loop.enqueue(metadata.name);
    };
    informer.addHandler({
      onAdd: consider,
      onUpdate: (_previous, namespace) => consider(namespace),
      onDelete: ({ metadata }) => this.#pace.forget(metadata.name),
    });
    // The last pod is what most deletions wait for.
    pods.addHandler({
      onDelete: ({ metadata }) => {
        const namespace = informer.lister.get(undefined, metadata.namespace ?? '');
        if (namespace !== undefined) consider(namespace);
      },
    });
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(name: string): Promise<SyncResult | undefined> {
    const namespace = this.#context.informers.namespaces.lister.get(undefined, name);
    if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
    if (!(namespace.spec?.finalizers ?? []).includes(finalizer)) return undefined;
    const findings = await this.#deleteContent(name);
    const isEmpty = findings.remaining.length === 0;
    if (isEmpty && findings.discoveryError === undefined && findings.deletionError === undefined) {
      await this.#finalize(namespace);
      return undefined;
    }
    await this.#updateStatus(namespace, findings);
    return { requeueAfterMs: this.#pace.nextMs(name, findings) };
  }

  async #deleteContent(name: string): Promise<Findings> {
    let resources: readonly DiscoveredResource[];
    try {
      resources = await discoverResources(this.#context.client);
    } catch (error) {
      return { discoveryError: messageOf(error), deletionError: undefined, remaining: [] };
    }
    const deletable = resources.filter(
      ({ type, verbs }) => type.namespaced && verbs.has('list') && verbs.has('delete'),
    );
    const isPods = ({ type }: DiscoveredResource): boolean => type.plural === 'pods' && type.group === '';
    const pods = await this.#deleteKinds(name, deletable.filter(isPods));
    // What pods use (secrets, volumes, policies) stays until they have ended.
    if (pods.remaining.length > 0 || pods.deletionError !== undefined) return pods;
    return this.#deleteKinds(
      name,
      deletable.filter((resource) => !isPods(resource)),
    );
  }

  async #deleteKinds(name: string, resources: readonly DiscoveredResource[]): Promise<Findings> {
    const remaining: Remaining[] = [];
    let deletionError: string | undefined;
    const deleteKind = async (resource: DiscoveredResource): Promise<void> => {
      try {
        const left = await this.#deleteKind(name, resource);
        if (left !== undefined) remaining.push(left);
      } catch (error) {
        deletionError ??= messageOf(error);
      }
    };
    await runBounded(resources, deleteKind, parallelKinds);
    return { discoveryError: undefined, deletionError, remaining };
  }

  async #deleteKind(namespace: string, resource: DiscoveredResource): Promise<Remaining | undefined> {
    const { client } = this.#context;
    const { type } = resource;
    const before = await client.list(type, { namespace, limit: 500 });
    if (before.items.length === 0) return undefined;
    if (resource.verbs.has('deletecollection')) await this.#deleteCollection(type, namespace);
    else await runBounded(before.items, (item) => this.#deleteOne(type, item));
    const { items } = await client.list(type, { namespace, limit: 500 });
    if (items.length === 0) return undefined;
    return {
      resource: `${type.plural}.${type.group}`,
      count: items.length,
      finalizers: items.flatMap((item) => item.metadata.finalizers ?? []),
    };
  }

  async #deleteCollection(type: ResourceType<AnyObject>, namespace: string): Promise<void> {
    try {
      await this.#context.client.deleteCollection(type, { namespace }, { propagationPolicy: 'Background' });
    } catch (error) {
      // 405: the kind has none after all, or not yet; 404: the kind is gone.
      if (!(error instanceof StatusError && (error.code === 405 || error.code === 404))) throw error;
    }
  }

  async #deleteOne(type: ResourceType<AnyObject>, { metadata }: AnyObject): Promise<void> {
    try {
      await this.#context.client.delete(type, metadata, {
        uid: metadata.uid,
        propagationPolicy: 'Background',
      });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }

  async #updateStatus(namespace: Namespace, findings: Findings): Promise<void> {
    const before = namespace.status?.conditions ?? [];
    const conditions = planNamespaceConditions(before, findings, this.#context.clock.nowMs());
    if (isSame(before, conditions)) return;
    await this.#tolerateGone(
      this.#context.client.patch(
        namespaces,
        { name: namespace.metadata.name },
        { type: 'merge', body: { metadata: { uid: namespace.metadata.uid }, status: { conditions } } },
        { subresource: 'status' },
      ),
    );
  }

  async #finalize(namespace: Namespace): Promise<void> {
    const finalizers = (namespace.spec?.finalizers ?? []).filter((one) => one !== finalizer);
    const released = { ...namespace, spec: { ...namespace.spec, finalizers } };
    await this.#tolerateGone(this.#context.client.update(namespaces, released, { subresource: 'finalize' }));
  }

  async #tolerateGone(write: Promise<unknown>): Promise<void> {
    try {
      await write;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  }
}
