/** What a volume needs next. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import { boundByControllerAnnotation, provisionedByAnnotation } from '../../api/volume-claim.ts';

export type VolumeStep =
  | { readonly kind: 'phase'; readonly phase: 'Available' | 'Bound' | 'Released' }
  | { readonly kind: 'fail'; readonly reason: string; readonly message: string }
  /** Its claim took another one. */
  | { readonly kind: 'free' }
  | { readonly kind: 'nothing' };

/** @param claim the one of the name that the volume refers to */
export function planVolume(volume: PersistentVolume, claim: PersistentVolumeClaim | undefined): VolumeStep {
  const reference = volume.spec?.claimRef;
  if (reference === undefined || (reference.uid ?? '') === '') return { kind: 'phase', phase: 'Available' };
  if (claim === undefined || claim.metadata.uid !== reference.uid) return planReleased(volume);
  const taken = claim.spec?.volumeName ?? '';
  // The claim's own reconciliation goes on.
  if (taken === '') return { kind: 'nothing' };
  if (taken === volume.metadata.name) return { kind: 'phase', phase: 'Bound' };
  const annotations = volume.metadata.annotations ?? {};
  if (annotations[provisionedByAnnotation] !== undefined) return planReleased(volume);
  return annotations[boundByControllerAnnotation] === undefined ? { kind: 'nothing' } : { kind: 'free' };
}

function planReleased({ metadata, spec, status }: PersistentVolume): VolumeStep {
  const policy = spec?.persistentVolumeReclaimPolicy;
  const isProvisioned = metadata.annotations?.[provisionedByAnnotation] !== undefined;
  if (status?.phase === 'Failed') return { kind: 'nothing' };
  if (policy === 'Retain' || isProvisioned || status?.phase !== 'Released')
    return { kind: 'phase', phase: 'Released' };
  return policy === 'Delete'
    ? {
        kind: 'fail',
        reason: 'VolumeFailedDelete',
        message:
          'error getting deleter volume plugin for volume: nothing here made it, so nothing deletes it',
      }
    : { kind: 'fail', reason: 'VolumeFailedRecycle', message: 'No recycler plugin found for the volume!' };
}
