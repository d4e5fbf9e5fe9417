import type { ObjectMeta, OwnerReference } from '../api/generated/meta-v1.ts';
import { type ApiObject, type ResourceType, toApiVersion } from '../api/kind-info.ts';
import { matchesSelector, type Selector } from '../api/selector.ts';

/** The one owner that controls the object, if any. */
export function controllerOf(object: { readonly metadata: ObjectMeta }): OwnerReference | undefined {
  return object.metadata.ownerReferences?.find((reference) => reference.controller === true);
}

export function isControlledBy(object: ApiObject, owner: ApiObject): boolean {
  return controllerOf(object)?.uid === owner.metadata.uid;
}

/** The reference that a controller puts on what it creates or adopts. */
export function toControllerReference<T extends ApiObject>(
  type: ResourceType<T>,
  owner: ApiObject,
): OwnerReference {
  return {
    apiVersion: toApiVersion(type),
    kind: type.kind,
    name: owner.metadata.name,
    uid: owner.metadata.uid,
    controller: true,
    blockOwnerDeletion: true,
  };
}

export interface Claims<T> {
  readonly owned: readonly T[];
  readonly toAdopt: readonly T[];
  readonly toRelease: readonly T[];
}

/**
 * Which of `candidates` belong to `owner`: those that it controls and selects stay, those that nobody controls and it
 * selects are adopted, those that it controls and no longer selects are let go. Objects being deleted keep their
 * owner, and an owner being deleted adopts nothing.
 */
export function planClaims<T extends ApiObject>(
  owner: ApiObject,
  selector: Selector,
  candidates: Iterable<T>,
): Claims<T> {
  const owned: T[] = [];
  const toAdopt: T[] = [];
  const toRelease: T[] = [];
  for (const candidate of candidates) {
    const controller = controllerOf(candidate);
    const selected = matchesSelector(selector, candidate.metadata.labels);
    const goes = candidate.metadata.deletionTimestamp !== undefined;
    if (controller !== undefined) {
      if (controller.uid !== owner.metadata.uid) continue;
      if (selected) owned.push(candidate);
      else if (owner.metadata.deletionTimestamp === undefined) toRelease.push(candidate);
    } else if (selected && !goes && owner.metadata.deletionTimestamp === undefined) toAdopt.push(candidate);
  }
  return { owned, toAdopt, toRelease };
}
