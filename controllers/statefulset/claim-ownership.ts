import type { StatefulSet } from '../../api/generated/apps-v1.ts';
import type { PersistentVolumeClaim, Pod } from '../../api/generated/core-v1.ts';
import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import { pods, statefulsets } from '../../api/generated/resources.ts';
import { toControllerReference } from '../ownership.ts';
import { isInRange } from './identity.ts';

interface Retention {
  readonly whenDeleted: boolean;
  readonly whenScaled: boolean;
}

/** What takes the claims with it: the set's end, a replica's end, both or neither. */
function deletionOf({ spec }: StatefulSet): Retention {
  const policy = spec.persistentVolumeClaimRetentionPolicy;
  return { whenDeleted: policy?.whenDeleted === 'Delete', whenScaled: policy?.whenScaled === 'Delete' };
}

/**
 * Who owns a replica's claim, so that the garbage collector takes it away at the right time: the pod once it is scaled
 * away, the set otherwise, or nobody. @returns undefined when that is so already, or someone else controls the claim
 */
export function planClaimOwners(
  set: StatefulSet,
  claim: PersistentVolumeClaim,
  ordinal: number,
  pod: Pod | undefined,
): OwnerReference[] | undefined {
  const references = claim.metadata.ownerReferences ?? [];
  const isOurs = ({ kind, apiVersion }: OwnerReference): boolean =>
    (kind === 'StatefulSet' && apiVersion === 'apps/v1') || (kind === 'Pod' && apiVersion === 'v1');
  if (references.some((reference) => reference.controller === true && !isOurs(reference))) return undefined;
  const wanted = wantedOwner(set, ordinal, pod);
  const others = references.filter((reference) => !isOurs(reference));
  const ours = references.filter(isOurs);
  if (ours.length === (wanted === undefined ? 0 : 1) && ours[0]?.uid === wanted?.uid) return undefined;
  return wanted === undefined ? others : [...others, wanted];
}

function wantedOwner(set: StatefulSet, ordinal: number, pod: Pod | undefined): OwnerReference | undefined {
  const { whenDeleted, whenScaled } = deletionOf(set);
  const isScaledAway = !isInRange(set, ordinal);
  if (whenScaled && isScaledAway && pod !== undefined) return toControllerReference(pods, pod);
  return whenDeleted && !(whenScaled && isScaledAway) ? toControllerReference(statefulsets, set) : undefined;
}

/** Whether the claim goes with a pod of an earlier life of the replica: the new pod has to wait for it to be gone. */
export function isStaleClaim(
  claim: PersistentVolumeClaim,
  podName: string,
  podUid: string | undefined,
): boolean {
  return (claim.metadata.ownerReferences ?? []).some(
    ({ kind, name, uid }) => kind === 'Pod' && name === podName && uid !== podUid,
  );
}
