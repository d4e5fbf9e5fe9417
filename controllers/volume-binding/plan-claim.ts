/** What a claim needs next, in the order in which Kubernetes' volume controller decides. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from '../../api/generated/core-v1.ts';
import type { StorageClass } from '../../api/generated/storage-v1.ts';
import {
  bestVolume,
  bindCompletedAnnotation,
  isReservedFor,
  isSuitable,
  oldClassAnnotation,
  selectedNodeAnnotation,
  storageClassOf,
} from '../../api/volume-claim.ts';

export interface ClaimEvent {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly message: string;
}

export type ClaimStep =
  | { readonly kind: 'bind'; readonly volume: PersistentVolume }
  /** Somebody else makes the volume. */
  | { readonly kind: 'provision'; readonly provisioner: string; readonly event: ClaimEvent }
  | { readonly kind: 'wait'; readonly event?: ClaimEvent }
  | { readonly kind: 'lose'; readonly event: ClaimEvent }
  /** It named no class when there was no default one; now there is. */
  | { readonly kind: 'classify'; readonly className: string };

export interface ClaimView {
  readonly claim: PersistentVolumeClaim;
  readonly storageClass: StorageClass | undefined;
  /** The volume that the claim names. */
  readonly named: PersistentVolume | undefined;
  readonly volumes: readonly PersistentVolume[];
  /** The name of the default class. */
  readonly defaultClass: string | undefined;
  /** A pod that waits for the claim. */
  readonly consumer: string | undefined;
}

export function planClaim(view: ClaimView): ClaimStep {
  const { claim, named } = view;
  if (claim.metadata.annotations?.[bindCompletedAnnotation] !== undefined) return planBound(claim, named);
  if ((claim.spec?.volumeName ?? '') === '') return planUnbound(view);
  if (named === undefined) return { kind: 'wait' };
  const isFree = named.spec?.claimRef === undefined;
  if (isReservedFor(named, claim) || isFree)
    return isSuitable(named, claim) || !isFree
      ? { kind: 'bind', volume: named }
      : wait('Warning', 'VolumeMismatch', `Cannot bind to requested volume "${named.metadata.name}"`);
  return wait(
    'Warning',
    'FailedBinding',
    `volume "${named.metadata.name}" already bound to a different claim.`,
  );
}

function planUnbound({ claim, storageClass, volumes, defaultClass, consumer }: ClaimView): ClaimStep {
  const delays =
    storageClass?.volumeBindingMode === 'WaitForFirstConsumer' &&
    claim.metadata.annotations?.[selectedNodeAnnotation] === undefined;
  const suitable = volumes.filter((volume) => isSuitable(volume, claim));
  const found = bestVolume(
    delays ? suitable.filter((volume) => isReservedFor(volume, claim)) : suitable,
    claim,
  );
  if (found !== undefined) return { kind: 'bind', volume: found };
  if (isUnclassed(claim) && defaultClass !== undefined) return { kind: 'classify', className: defaultClass };
  if (delays)
    return consumer === undefined
      ? wait('Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding')
      : wait('Normal', 'WaitForPodScheduled', `waiting for pod ${consumer} to be scheduled`);
  const className = storageClassOf(claim);
  if (className === '')
    return wait(
      'Normal',
      'FailedBinding',
      'no persistent volumes available for this claim and no storage class is set',
    );
  if (storageClass === undefined)
    return wait('Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${className}" not found`);
  const { provisioner } = storageClass;
  if (provisioner === 'kubernetes.io/no-provisioner')
    return wait(
      'Warning',
      'ProvisioningFailed',
      `storageclass "${className}" has no provisioner: a volume must be made by hand`,
    );
  return {
    kind: 'provision',
    provisioner,
    event: {
      type: 'Normal',
      reason: 'ExternalProvisioning',
      message: `Waiting for a volume to be created either by the external provisioner '${provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`,
    },
  };
}

function planBound(claim: PersistentVolumeClaim, named: PersistentVolume | undefined): ClaimStep {
  if ((claim.spec?.volumeName ?? '') === '')
    return lose(
      'ClaimLost',
      'Bound claim has lost reference to PersistentVolume. Data on the volume is lost!',
    );
  if (named === undefined)
    return lose('ClaimLost', 'Bound claim has lost its PersistentVolume. Data on the volume is lost!');
  if (named.spec?.claimRef === undefined || isReservedFor(named, claim))
    return { kind: 'bind', volume: named };
  return lose('ClaimMisbound', 'Two claims are bound to the same volume, this one is bound incorrectly');
}

/** Names no class at all; one that names the empty class wants none. */
const isUnclassed = ({ metadata, spec }: PersistentVolumeClaim): boolean =>
  spec?.storageClassName === undefined && metadata.annotations?.[oldClassAnnotation] === undefined;

const defaultMarks = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

/** Of several default classes the newest counts. */
export function defaultClassOf(classes: readonly StorageClass[]): string | undefined {
  const [newest] = classes
    .filter(({ metadata }) => defaultMarks.some((mark) => metadata.annotations?.[mark] === 'true'))
    .sort(
      ({ metadata: a }, { metadata: b }) =>
        b.creationTimestamp.localeCompare(a.creationTimestamp) || a.name.localeCompare(b.name),
    );
  return newest?.metadata.name;
}

const wait = (type: ClaimEvent['type'], reason: string, message: string): ClaimStep => ({
  kind: 'wait',
  event: { type, reason, message },
});

const lose = (reason: string, message: string): ClaimStep => ({
  kind: 'lose',
  event: { type: 'Warning', reason, message },
});
