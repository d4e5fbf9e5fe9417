import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';

const finalizers: ReadonlyMap<string, string> = new Map([
  ['/persistentvolumeclaims', 'kubernetes.io/pvc-protection'],
  ['/persistentvolumes', 'kubernetes.io/pv-protection'],
]);

/** A claim outlives the pods that use it, and a volume its claim. */
export class StorageObjectInUseProtection implements AdmissionPlugin {
  readonly name = 'StorageObjectInUseProtection';

  mutate({ operation, strategy, subresource, object }: AdmissionAttributes): void {
    if (operation !== 'CREATE' || subresource !== '' || object === undefined) return;
    const finalizer = finalizers.get(strategy.resource);
    if (finalizer === undefined) return;
    const present = object.metadata.finalizers ?? [];
    if (!present.includes(finalizer)) object.metadata.finalizers = [...present, finalizer];
  }
}
