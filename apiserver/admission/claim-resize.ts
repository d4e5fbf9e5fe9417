import type { PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';
import { type AdmissionAttributes, type AdmissionPlugin, refusal } from './admission.ts';
import type { Lookup } from './lookup.ts';

const betaClass = 'volume.beta.kubernetes.io/storage-class';

type Claim = PersistentVolumeClaim & AnyObject;

const classOf = ({ metadata, spec }: Claim): string =>
  metadata.annotations?.[betaClass] ?? spec?.storageClassName ?? '';
const sizeOf = ({ spec }: Claim) => parseQuantity(spec?.resources?.requests?.['storage'] ?? '0');

/** A claim grows only once it is bound, and only where its class lets volumes grow. */
export class PersistentVolumeClaimResize implements AdmissionPlugin {
  readonly name = 'PersistentVolumeClaimResize';
  readonly #lookup: Lookup;

  constructor(lookup: Lookup) {
    this.#lookup = lookup;
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    const { operation, strategy, subresource, object, previous } = attributes;
    if (operation !== 'UPDATE' || strategy.resource !== '/persistentvolumeclaims' || subresource !== '')
      return;
    const [next, current] = [object as Claim, previous as Claim];
    if (compareQuantities(sizeOf(next), sizeOf(current)) <= 0) return;
    if (current.status?.phase !== 'Bound')
      throw refusal(attributes, 'Only bound persistent volume claims can be expanded');
    if (await this.#mayGrow(next, current)) return;
    throw refusal(
      attributes,
      'only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize',
    );
  }

  async #mayGrow(next: Claim, current: Claim): Promise<boolean> {
    const name = classOf(next);
    if (name === '' || name !== classOf(current)) return false;
    const found = await this.#lookup.find<StorageClass>('storage.k8s.io/storageclasses', '', name);
    return found?.allowVolumeExpansion === true;
  }
}
