import type { AnyObject } from '../../api/kind-info.ts';
import type { KindStrategy } from '../registry/strategy.ts';

/** Finalizers that delay an object's end, with those of a Namespace's spec. */
export function pendingFinalizers(object: AnyObject): readonly string[] {
  return [...(object.metadata.finalizers ?? []), ...namespaceFinalizers(object)];
}

export function namespaceFinalizers(object: AnyObject): readonly string[] {
  if (object.kind !== 'Namespace') return [];
  const spec = object['spec'];
  if (typeof spec !== 'object' || spec === null || !('finalizers' in spec)) return [];
  return Array.isArray(spec.finalizers) ? spec.finalizers : [];
}

/** Whether this update takes the last hold off an object that is being deleted, which ends it. */
export function isReleasedByUpdate(strategy: KindStrategy, next: AnyObject, current: AnyObject): boolean {
  const { deletionTimestamp, deletionGracePeriodSeconds: grace } = current.metadata;
  if (deletionTimestamp === undefined || pendingFinalizers(next).length > 0) return false;
  if (strategy.kind.kind === 'Namespace') return true;
  return grace === undefined || grace === 0;
}
