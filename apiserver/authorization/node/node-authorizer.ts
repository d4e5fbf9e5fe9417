import { type Attributes, type Decision, noOpinion } from '../authorizer.ts';
import { nodeRules } from '../policy/node-rules.ts';
import { CompiledRules } from '../rbac/compiled-rules.ts';
import type { NodeReferences, Referable } from './node-references.ts';

const allow: Decision = { allowed: true, reason: '' };
const deny = (reason: string): Decision => ({ allowed: false, reason });
const nodeLeaseNamespace = 'kube-node-lease';
/** A new node finds its heartbeat key there, and no other node does: `beat-key-<node>`. */
const beatKeyPrefix = 'beat-key-';
const reading: ReadonlySet<string> = new Set(['get', 'list', 'watch']);
const owning: ReadonlySet<string> = new Set(['get', 'create', 'update', 'patch', 'delete']);

/**
 * What one node may do: report about itself and its own pods, and read what these pods name. What a node may create, and what may
 * stand in it, is NodeRestriction's to say.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/node/
 */
export class NodeAuthorizer {
  readonly #references: NodeReferences;
  readonly #rules = new CompiledRules(nodeRules);

  constructor(references: NodeReferences) {
    this.#references = references;
  }

  authorize(attributes: Attributes, nodeName: string): Decision {
    if (!attributes.isResource) return noOpinion;
    // Whatever is on no node yet would be its own.
    if (nodeName === '') return deny(`unknown node for user ${JSON.stringify(attributes.user.name)}`);
    switch (`${attributes.group}/${attributes.resource}`) {
      case '/secrets':
        if (isOwnBeatKey(attributes, nodeName)) return allow;
        return this.#readObject(attributes, nodeName, 'secrets');
      case '/configmaps':
        return this.#readObject(attributes, nodeName, 'configmaps');
      case '/persistentvolumeclaims':
        return this.#authorizeClaim(attributes, nodeName);
      case '/persistentvolumes':
        return this.#authorizeVolume(attributes, nodeName);
      case 'storage.k8s.io/volumeattachments':
        return this.#getObject(attributes, nodeName, 'volumeattachments');
      case '/serviceaccounts':
        return this.#authorizeAccount(attributes, nodeName);
      case 'coordination.k8s.io/leases':
        return authorizeLease(attributes, nodeName);
      case 'storage.k8s.io/csinodes':
        return authorizeCsiNode(attributes, nodeName);
      case '/nodes':
        return authorizeNode(attributes, nodeName);
      case '/pods':
        return this.#authorizePod(attributes, nodeName);
      default:
        return this.#rules.allows(attributes) ? allow : noOpinion;
    }
  }

  /** Secrets and ConfigMaps are read, and watched, one by one. */
  #readObject(attributes: Attributes, nodeName: string, resource: Referable): Decision {
    if (!reading.has(attributes.verb)) return deny('can only read resources of this type');
    if (attributes.subresource !== '') return deny('cannot read subresource');
    if (attributes.namespace === '') return deny('can only read namespaced object of this type');
    return this.#related(attributes, nodeName, resource);
  }

  #getObject(attributes: Attributes, nodeName: string, resource: Referable): Decision {
    if (attributes.verb !== 'get') return deny('can only get individual resources of this type');
    if (attributes.subresource !== '') return deny('cannot get subresource');
    return this.#related(attributes, nodeName, resource);
  }

  /** The volumes of its pods; and those that are directories of its own, which it follows and lets go. */
  #authorizeVolume(attributes: Attributes, nodeName: string): Decision {
    const { verb, subresource, name } = attributes;
    const isFollowing = subresource === '' && (reading.has(verb) || verb === 'patch');
    if (isFollowing && name !== '' && this.#references.isLocalVolume(nodeName, name)) return allow;
    return this.#getObject(attributes, nodeName, 'persistentvolumes');
  }

  #authorizeClaim(attributes: Attributes, nodeName: string): Decision {
    if (attributes.subresource !== 'status')
      return this.#getObject(attributes, nodeName, 'persistentvolumeclaims');
    if (attributes.verb !== 'update' && attributes.verb !== 'patch')
      return deny('can only get/update/patch this type');
    return this.#related(attributes, nodeName, 'persistentvolumeclaims');
  }

  #authorizeAccount(attributes: Attributes, nodeName: string): Decision {
    const { verb, subresource, name } = attributes;
    if (verb === 'get') return this.#getObject(attributes, nodeName, 'serviceaccounts');
    if (verb !== 'create' || name === '')
      return deny('can only create tokens for individual service accounts');
    if (subresource !== 'token') return deny('can only create token subresource of serviceaccount');
    return this.#related(attributes, nodeName, 'serviceaccounts');
  }

  #authorizePod(attributes: Attributes, nodeName: string): Decision {
    const { verb, subresource, name } = attributes;
    if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow : noOpinion;
    if (subresource === 'eviction') return verb === 'create' ? allow : noOpinion;
    if (subresource !== '') return noOpinion;
    if (verb === 'get') return this.#related(attributes, nodeName, 'pods');
    if (verb === 'create' || verb === 'delete') return allow;
    if (verb !== 'list' && verb !== 'watch') return noOpinion;
    if (isNarrowedTo(attributes, nodeName)) return allow;
    if (name !== '') return this.#related(attributes, nodeName, 'pods');
    return deny('can only list/watch pods with spec.nodeName field selector');
  }

  #related(attributes: Attributes, nodeName: string, resource: Referable): Decision {
    const { namespace, name } = attributes;
    if (name === '') return deny('No Object name found');
    if (this.#references.isRelated(nodeName, { resource, namespace, name })) return allow;
    return deny(`no relationship found between node '${nodeName}' and this object`);
  }
}

function isOwnBeatKey({ verb, namespace, name, subresource }: Attributes, nodeName: string): boolean {
  const isItsName = namespace === nodeLeaseNamespace && name === `${beatKeyPrefix}${nodeName}`;
  return isItsName && verb === 'get' && subresource === '';
}

function isNarrowedTo({ fields }: Attributes, nodeName: string): boolean {
  return fields.some(
    ({ key, operator, values }) =>
      key === 'spec.nodeName' && operator === 'in' && values.length === 1 && values[0] === nodeName,
  );
}

function authorizeNode({ verb, subresource, name }: Attributes, nodeName: string): Decision {
  if (subresource === 'status') return verb === 'update' || verb === 'patch' ? allow : noOpinion;
  if (subresource !== '') return noOpinion;
  if (verb === 'create' || verb === 'update' || verb === 'patch') return allow;
  if (!reading.has(verb)) return noOpinion;
  if (name === nodeName) return allow;
  return deny(
    name === ''
      ? `node '${nodeName}' cannot read all nodes, only its own Node object`
      : `node '${nodeName}' cannot read '${name}', only its own Node object`,
  );
}

function authorizeLease({ verb, namespace, name }: Attributes, nodeName: string): Decision {
  if (!owning.has(verb)) return deny('can only get, create, update, patch, or delete a node lease');
  if (namespace !== nodeLeaseNamespace)
    return deny(`can only access leases in the ${JSON.stringify(nodeLeaseNamespace)} system namespace`);
  if (verb === 'create' || name === nodeName) return allow;
  return deny('can only access node lease with the same name as the requesting node');
}

function authorizeCsiNode({ verb, subresource, name }: Attributes, nodeName: string): Decision {
  if (!owning.has(verb)) return deny('can only get, create, update, patch, or delete a CSINode');
  if (subresource !== '') return deny('cannot authorize CSINode subresources');
  if (verb === 'create' || name === nodeName) return allow;
  return deny('can only access CSINode with the same name as the requesting node');
}
