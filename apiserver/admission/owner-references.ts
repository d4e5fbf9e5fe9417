import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { Registry } from '../registry/registry.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';
import type { Permissions } from './permissions.ts';

/** Who ties an object to an owner decides over its end, and may hold up the owner's: both need that right. */
export class OwnerReferencesPermissionEnforcement implements AdmissionPlugin {
  readonly name = 'OwnerReferencesPermissionEnforcement';
  readonly #permissions: Permissions;
  readonly #registry: Pick<Registry, 'byKind'>;

  constructor(permissions: Permissions, registry: Pick<Registry, 'byKind'>) {
    this.#permissions = permissions;
    this.#registry = registry;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, object, previous } = attributes;
    if (operation !== 'CREATE' && operation !== 'UPDATE') return;
    // Who writes a pod's status writes nothing else.
    if (strategy.resource === '/pods' && subresource === 'status') return;
    const owners = ownersOf(object);
    const before = ownersOf(previous);
    if (owners.length === 0 && before.length === 0) return;
    if (operation === 'UPDATE' && !sameReferences(owners, before)) await this.#requireDelete(attributes);
    for (const owner of owners)
      if (owner.blockOwnerDeletion === true && !blocks(before, owner))
        await this.#requireFinalizers(attributes, owner);
  }

  async #requireDelete(attributes: AdmissionAttributes): Promise<void> {
    const { strategy, namespace, name, subresource, user } = attributes;
    const { group, version, plural } = strategy.kind;
    const asked = { verb: 'delete', group, version, resource: plural, subresource, namespace, name };
    const decision = await this.#permissions.decide(user, asked);
    if (!decision.allowed)
      throw refusal(
        attributes,
        `cannot set an ownerRef on a resource you can't delete: ${decision.reason}, <nil>`,
      );
  }

  async #requireFinalizers(attributes: AdmissionAttributes, owner: OwnerReference): Promise<void> {
    const [version = '', group = ''] = owner.apiVersion.split('/').reverse();
    const kind = this.#registry.byKind(group, version, owner.kind)?.kind;
    if (kind === undefined)
      throw refusal(
        attributes,
        `cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion ${owner.apiVersion} Kind ${owner.kind}: no matches for kind ${JSON.stringify(owner.kind)} in version ${JSON.stringify(owner.apiVersion)}`,
      );
    const decision = await this.#permissions.decide(attributes.user, {
      ...{ verb: 'update', group: kind.group, version: kind.version, resource: kind.plural },
      ...{ subresource: 'finalizers', name: owner.name },
      namespace: kind.namespaced ? attributes.namespace : '',
    });
    if (!decision.allowed)
      throw refusal(
        attributes,
        `cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: ${decision.reason}, <nil>`,
      );
  }
}

const ownersOf = (object: AnyObject | undefined): readonly OwnerReference[] =>
  object?.metadata.ownerReferences ?? [];

const blocks = (owners: readonly OwnerReference[], { uid }: OwnerReference): boolean =>
  owners.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true);

function sameReferences(left: readonly OwnerReference[], right: readonly OwnerReference[]): boolean {
  return left.length === right.length && left.every((owner, at) => sameReference(owner, right[at]));
}

function sameReference(left: OwnerReference, right: OwnerReference | undefined): boolean {
  return (
    right !== undefined &&
    left.uid === right.uid &&
    left.name === right.name &&
    left.kind === right.kind &&
    left.apiVersion === right.apiVersion &&
    left.controller === right.controller &&
    left.blockOwnerDeletion === right.blockOwnerDeletion
  );
}
