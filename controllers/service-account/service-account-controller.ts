import { serviceaccounts } from '../../api/generated/resources.ts';
import type { ControllerContext } from '../context.ts';
import { loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { createUnlessPresent, enqueueNamespaces, isLiving } from '../per-namespace.ts';

const workers = 4;

/** Every namespace has a ServiceAccount `default`: pods that name none run as it. */
export class ServiceAccountController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { namespaces, serviceAccounts } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'service-account', workers),
      needs: [namespaces, serviceAccounts],
      sync: (namespace) => this.#sync(namespace),
    });
    enqueueNamespaces(namespaces, serviceAccounts, (namespace) => this.#loop.enqueue(namespace));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(namespace: string): Promise<undefined> {
    const { namespaces, serviceAccounts } = this.#context.informers;
    if (!isLiving(namespaces.lister.get(undefined, namespace))) return;
    if (serviceAccounts.lister.get(namespace, 'default') !== undefined) return;
    await createUnlessPresent(this.#context.client, serviceaccounts, {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'default', namespace },
    });
  }
}
