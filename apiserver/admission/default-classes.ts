import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import type { ObjectMeta } from '../../api/generated/meta-v1.ts';
import type { Ingress, IngressClass } from '../../api/generated/networking-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { AdmissionAttributes, AdmissionPlugin } from './admission.ts';
import type { Lookup } from './lookup.ts';

/** The newest of several defaults, and of those of one second the first by name. */
function newestDefault<T extends { readonly metadata: ObjectMeta }>(
  classes: readonly T[],
  annotations: readonly string[],
): T | undefined {
  const isDefault = ({ metadata }: T): boolean =>
    annotations.some((name) => metadata.annotations?.[name] === 'true');
  const made = ({ metadata }: T): string => metadata.creationTimestamp ?? '';
  return classes
    .filter(isDefault)
    .sort((a, b) =>
      made(a) === made(b)
        ? (a.metadata.name ?? '') < (b.metadata.name ?? '')
          ? -1
          : 1
        : made(a) > made(b)
          ? -1
          : 1,
    )[0];
}

const betaClass = 'volume.beta.kubernetes.io/storage-class';

/** A claim that names no storage class gets the default one, if there is one. */
export class DefaultStorageClass implements AdmissionPlugin {
  readonly name = 'DefaultStorageClass';
  readonly #lookup: Lookup;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  mutate({ operation, strategy, subresource, object }: AdmissionAttributes): void {
    if (operation !== 'CREATE' || strategy.resource !== '/persistentvolumeclaims' || subresource !== '')
      return;
    const { spec, metadata } = object as PersistentVolumeClaim & AnyObject;
    if (spec === undefined || spec.storageClassName !== undefined) return;
    if (metadata.annotations?.[betaClass] !== undefined) return;
    const found = newestDefault(this.#lookup.list<StorageClass>('storage.k8s.io/storageclasses'), [
      'storageclass.kubernetes.io/is-default-class',
      'storageclass.beta.kubernetes.io/is-default-class',
    ]);
    if (found !== undefined) spec.storageClassName = found.metadata.name;
  }
}

/** The same for an Ingress and its class. */
export class DefaultIngressClass implements AdmissionPlugin {
  readonly name = 'DefaultIngressClass';
  readonly #lookup: Lookup;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  mutate({ operation, strategy, subresource, object }: AdmissionAttributes): void {
    if (operation !== 'CREATE' || strategy.resource !== 'networking.k8s.io/ingresses' || subresource !== '')
      return;
    const ingress = object as Ingress & AnyObject;
    if (ingress.spec?.ingressClassName !== undefined) return;
    if (ingress.metadata.annotations?.['kubernetes.io/ingress.class'] !== undefined) return;
    const found = newestDefault(this.#lookup.list<IngressClass>('networking.k8s.io/ingressclasses'), [
      'ingressclass.kubernetes.io/is-default-class',
    ]);
    if (found !== undefined) ingress.spec = { ...ingress.spec, ingressClassName: found.metadata.name };
  }
}
