import type { OwnerReference } from '../api/generated/meta-v1.ts';
import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import type { Selector } from '../api/selector.ts';
import { isNotFound } from '../api/status-error.ts';
import type { ApiClient } from '../client/client.ts';
import { runBounded } from './batches.ts';
import { planClaims, toControllerReference } from './ownership.ts';

export interface ClaimRequest<O extends ApiObject, D extends ApiObject> {
  readonly client: ApiClient;
  readonly ownerType: ResourceType<O>;
  readonly owner: O;
  readonly type: ResourceType<D>;
  readonly selector: Selector;
  /** Those that `owner` controls and those that nobody does. */
  readonly candidates: readonly D[];
  /** Stands on what is adopted, and on nothing that is released. */
  readonly finalizer?: string | undefined;
}

/** Adopts and releases as `planClaims` says. @returns what belongs to the owner now */
export async function claimDependents<O extends ApiObject, D extends ApiObject>(
  request: ClaimRequest<O, D>,
): Promise<readonly D[]> {
  const { owner, selector, candidates } = request;
  const { owned, toAdopt, toRelease } = planClaims(owner, selector, candidates);
  if (toAdopt.length > 0) await checkNotReplaced(request);
  const adopted: D[] = [];
  const reference = toControllerReference(request.ownerType, owner);
  await runBounded(toAdopt, async (dependent) => {
    const result = await patchDependent(
      request,
      dependent,
      adoptionPatch(dependent, reference, request.finalizer),
    );
    if (result !== undefined) adopted.push(result);
  });
  await runBounded(toRelease, async (dependent) => {
    await patchDependent(request, dependent, releasePatch(dependent, owner.metadata.uid, request.finalizer));
  });
  return [...owned, ...adopted];
}

/** Is the owner in the cache still the one that the server has, and not being deleted? */
async function checkNotReplaced<O extends ApiObject, D extends ApiObject>(
  request: ClaimRequest<O, D>,
): Promise<void> {
  const { client, ownerType, owner } = request;
  const live = await client.get(ownerType, owner.metadata);
  if (live.metadata.uid !== owner.metadata.uid || live.metadata.deletionTimestamp !== undefined)
    throw new Error(`adopt for ${ownerType.kind} ${owner.metadata.name}: it is gone or being deleted`);
}

async function patchDependent<O extends ApiObject, D extends ApiObject>(
  { client, type }: ClaimRequest<O, D>,
  dependent: D,
  body: unknown,
): Promise<D | undefined> {
  try {
    return await client.patch(type, dependent.metadata, { type: 'strategic', body });
  } catch (error) {
    // Deleted meanwhile: nothing to adopt or release.
    if (isNotFound(error)) return undefined;
    throw error;
  }
}

/** Adds `reference`; the uid guards against a namesake. */
function adoptionPatch(dependent: ApiObject, reference: OwnerReference, finalizer?: string): unknown {
  const finalizers = finalizer === undefined ? {} : { finalizers: [finalizer] };
  return { metadata: { uid: dependent.metadata.uid, ownerReferences: [reference], ...finalizers } };
}

/** Takes the owner with `ownerUid` away. */
function releasePatch(dependent: ApiObject, ownerUid: string, finalizer?: string): unknown {
  const finalizers = finalizer === undefined ? {} : { '$deleteFromPrimitiveList/finalizers': [finalizer] };
  const ownerReferences = [{ $patch: 'delete', uid: ownerUid }];
  return { metadata: { uid: dependent.metadata.uid, ownerReferences, ...finalizers } };
}
