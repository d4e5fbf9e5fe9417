import { forbidden, notFound, StatusError } from '../../api/status-error.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';

/** Namespaces that a cluster cannot do without. */
const immortal: ReadonlySet<string> = new Set(['default', 'kube-system', 'kube-public']);
const terminating = Buffer.from('"phase":"Terminating"');

/** Nothing is made in a namespace that is missing or ending, and some namespaces never end. */
export class NamespaceLifecycle implements AdmissionPlugin {
  readonly name = 'NamespaceLifecycle';
  readonly #cache: ReadCache;

  constructor(cache: ReadCache) {
    this.#cache = cache;
  }

  async mutate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, namespace, name, subresource } = attributes;
    if (operation === 'DELETE' && strategy.kind.kind === 'Namespace' && immortal.has(name))
      throw forbidden(strategy.kind, name, 'this namespace may not be deleted');
    if (operation !== 'CREATE' || !strategy.kind.namespaced || subresource !== '') return;
    let found = this.#cache.get('/namespaces', '', namespace);
    if (found === undefined) {
      // The cache may be behind the client that made the namespace a moment ago.
      await this.#cache.waitCurrent();
      found = this.#cache.get('/namespaces', '', namespace);
    }
    if (found === undefined) throw notFound({ group: '', plural: 'namespaces' }, namespace);
    if (found.json.includes(terminating) && this.#isTerminating(found.json))
      throw terminatingError(attributes);
  }

  /** The bytes may merely mention it, in an annotation say. */
  #isTerminating(json: Buffer): boolean {
    const namespace = JSON.parse(json.toString()) as { readonly status?: { readonly phase?: string } };
    return namespace.status?.phase === 'Terminating';
  }
}

function terminatingError(attributes: AdmissionAttributes): StatusError {
  const { namespace } = attributes;
  const why = `unable to create new content in namespace ${namespace} because it is being terminated`;
  const { message, details } = refusal(attributes, why);
  return new StatusError({
    reason: 'Forbidden',
    code: 403,
    message,
    details: {
      ...details,
      causes: [
        {
          reason: 'NamespaceTerminating',
          message: `namespace ${namespace} is being terminated`,
          field: 'metadata.namespace',
        },
      ],
    },
  });
}
