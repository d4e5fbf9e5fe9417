import { everything } from '../../api/selector.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { Attributes, Decision } from './authorizer.ts';
import { isPodReference } from './pod-references.ts';
import { nodeReadRules } from './rules.ts';
import { matchesRule } from './table-authorizer.ts';

const allow: Decision = { allowed: true, reason: '' };
const deny = (reason: string): Decision => ({ allowed: false, reason });
const nodeLeaseNamespace = 'kube-node-lease';
const podsPerNodeLimit = 2_000;

/**
 * What one node may do: report about itself and its own pods, and read what these pods name.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/node/
 */
export class NodeAuthorizer {
  readonly #cache: ReadCache;

  constructor(cache: ReadCache) {
    this.#cache = cache;
  }

  authorize(attributes: Attributes, nodeName: string): Decision {
    if (nodeReadRules.some((rule) => matchesRule(rule, attributes))) return allow;
    const { group, resource } = attributes;
    if (group === '' && resource === 'nodes') return authorizeNode(attributes, nodeName);
    if (group === 'coordination.k8s.io' && resource === 'leases') return authorizeLease(attributes, nodeName);
    if (group === '' && resource === 'pods') return this.#authorizePod(attributes, nodeName);
    if (group === '' && resource === 'serviceaccounts') return this.#authorizeToken(attributes, nodeName);
    const isConfiguration =
      resource === 'secrets' || resource === 'configmaps' || resource === 'persistentvolumeclaims';
    if (group === '' && isConfiguration) return this.#authorizeReference(attributes, nodeName);
    return deny('');
  }

  #authorizePod(attributes: Attributes, nodeName: string): Decision {
    const { verb, subresource, namespace, name } = attributes;
    if (subresource === '' && ['list', 'watch'].includes(verb))
      return isNarrowedTo(attributes, nodeName)
        ? allow
        : deny('can only list/watch pods with spec.nodeName field selector');
    const wanted =
      (subresource === '' && ['get', 'delete'].includes(verb)) ||
      (subresource === 'status' && ['get', 'update', 'patch'].includes(verb)) ||
      (subresource === 'eviction' && verb === 'create');
    if (!wanted) return deny(`can only get, delete and evict pods and write their status`);
    const pod = this.#cache.get('/pods', namespace, name);
    // An unknown pod: let the request find out that it does not exist.
    if (pod === undefined || pod.fields.get('spec.nodeName') === nodeName) return allow;
    return deny(`node "${nodeName}" can only act on pods with spec.nodeName set to itself`);
  }

  #authorizeToken(attributes: Attributes, nodeName: string): Decision {
    const { verb, subresource, namespace, name } = attributes;
    if (subresource !== 'token' || verb !== 'create') return deny('');
    const uses = this.#podsOf(nodeName, namespace).some((pod) =>
      isPodReference(pod, 'serviceaccounts', name),
    );
    return uses ? allow : deny(`no relationship found between node '${nodeName}' and this object`);
  }

  #authorizeReference(attributes: Attributes, nodeName: string): Decision {
    const { verb, namespace, name, resource } = attributes;
    if (!['get', 'list', 'watch'].includes(verb)) return deny(`can only read ${resource}`);
    if (name === '') return deny(`No Object name found`);
    const named = this.#podsOf(nodeName, namespace).some((pod) => isPodReference(pod, resource, name));
    return named ? allow : deny(`no relationship found between node '${nodeName}' and this object`);
  }

  #podsOf(nodeName: string, namespace: string): readonly { readonly json: Buffer }[] {
    return this.#cache.list({
      resource: '/pods',
      namespace,
      labels: everything,
      fields: [{ key: 'spec.nodeName', operator: 'in', values: [nodeName] }],
      limit: podsPerNodeLimit,
    }).objects;
  }
}

function isNarrowedTo({ fields }: Attributes, nodeName: string): boolean {
  return fields.some(
    ({ key, operator, values }) =>
      key === 'spec.nodeName' && operator === 'in' && values.length === 1 && values[0] === nodeName,
  );
}

function authorizeNode(attributes: Attributes, nodeName: string): Decision {
  const { verb, subresource, name } = attributes;
  if (verb === 'create' && subresource === '') return allow;
  if (name !== nodeName) return deny(`node "${nodeName}" is not allowed to modify node "${name}"`);
  const wanted = subresource === '' || subresource === 'status';
  return wanted && ['get', 'update', 'patch'].includes(verb) ? allow : deny('');
}

function authorizeLease(attributes: Attributes, nodeName: string): Decision {
  const { verb, namespace, name } = attributes;
  if (namespace !== nodeLeaseNamespace)
    return deny(`can only access leases in the "${nodeLeaseNamespace}" system namespace`);
  if (verb === 'create') return allow;
  if (name !== nodeName) return deny('can only access node lease with the same name as the requesting node');
  return ['get', 'update', 'patch', 'delete'].includes(verb) ? allow : deny('');
}
