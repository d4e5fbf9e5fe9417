import { configmaps } from '../../api/generated/resources.ts';
import { type ControllerContext, loopOptions } from '../context.ts';
import { type ControlLoop, ReconcileLoop } from '../loop.ts';
import { createUnlessPresent, enqueueNamespaces, isLiving } from '../per-namespace.ts';
import { rootCaConfigMap } from '../shared-informers.ts';

const workers = 4;
const descriptionAnnotation = 'kubernetes.io/description';
const description =
  'Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.';

/** Every namespace has a ConfigMap `kube-root-ca.crt`, by which pods verify the API server. */
export class RootCaController implements ControlLoop {
  readonly #context: ControllerContext;
  readonly #loop: ReconcileLoop;

  constructor(context: ControllerContext) {
    this.#context = context;
    const { namespaces, rootCaConfigMaps } = context.informers;
    this.#loop = new ReconcileLoop({
      ...loopOptions(context, 'root-ca', workers),
      needs: [namespaces, rootCaConfigMaps],
      sync: (namespace) => this.#sync(namespace),
    });
    enqueueNamespaces(namespaces, rootCaConfigMaps, (namespace) => this.#loop.enqueue(namespace));
  }

  run(signal: AbortSignal): Promise<void> {
    return this.#loop.run(signal);
  }

  async #sync(namespace: string): Promise<undefined> {
    const { client, informers, settings } = this.#context;
    if (settings.rootCa === undefined) return;
    if (!isLiving(informers.namespaces.lister.get(undefined, namespace))) return;
    const data = { 'ca.crt': settings.rootCa };
    const present = informers.rootCaConfigMaps.lister.get(namespace, rootCaConfigMap);
    if (present === undefined) {
      await createUnlessPresent(client, configmaps, {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: rootCaConfigMap,
          namespace,
          annotations: { [descriptionAnnotation]: description },
        },
        data,
      });
    } else if (present.data?.['ca.crt'] !== settings.rootCa) {
      await client.update(configmaps, { ...present, data });
    }
  }
}
