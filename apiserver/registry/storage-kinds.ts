import { isDeepStrictEqual } from 'node:util';
import type {
  PersistentVolume,
  PersistentVolumeClaim,
  PersistentVolumeSpec,
  ResourceQuota,
  TypedLocalObjectReference,
} from '../../api/generated/core-v1.ts';
import { persistentvolumeclaims, persistentvolumes, resourcequotas } from '../../api/generated/resources.ts';
import { compareQuantities, parseQuantity } from '../../api/quantity.ts';
import { toTime } from '../../base/clock.ts';
import { validateNodeSelector } from './affinity-validation.ts';
import { describe } from './column-descriptions.ts';
import { ageColumn, column, nameColumn, wide } from './columns.ts';
import { forbidden, invalid, oneOf, required, unsupported } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { validateLabelSelector } from './label-selector.ts';
import { dnsSubdomainProblems } from './names.ts';
import { roundToMillis } from './pod-spec-defaults.ts';
import { validateQuotaName, validateQuotaScopes, validateQuotaUpdate } from './quota-scopes.ts';
import { validateResourceAmount, validateResourceName } from './resource-validation.ts';
import type { FieldError } from './strategy.ts';
import { setBlockDeviceDefaults, setClaimSpecDefaults } from './volume-defaults.ts';
import { validateHostPath, validateNfs } from './volume-validation.ts';

const modes = ['ReadOnlyMany', 'ReadWriteMany', 'ReadWriteOnce', 'ReadWriteOncePod'];
const shortModes: ReadonlyMap<string, string> = new Map([
  ['ReadWriteOnce', 'RWO'],
  ['ReadOnlyMany', 'ROX'],
  ['ReadWriteMany', 'RWX'],
  ['ReadWriteOncePod', 'RWOP'],
]);

const modesText = (list: readonly string[] | undefined): string =>
  [...new Set(list ?? [])].map((mode) => shortModes.get(mode) ?? mode).join(',');

function validateModes(list: readonly string[] | undefined, field: string): FieldError[] {
  if ((list ?? []).length === 0) return [required(field, 'at least 1 access mode is required')];
  const errors = (list ?? [])
    .filter((mode) => !modes.includes(mode))
    .map((mode) => unsupported(field, mode, modes));
  const others = (list ?? []).some((mode) => mode !== 'ReadWriteOncePod' && modes.includes(mode));
  if ((list ?? []).includes('ReadWriteOncePod') && others)
    errors.push(forbidden(field, 'may not use ReadWriteOncePod with other access modes'));
  return errors;
}

/** An amount of storage is more than nothing. */
function validateStorage(amount: string, field: string): FieldError[] {
  return parseQuantity(amount).nanos > 0n
    ? validateResourceAmount('storage', amount, field)
    : [invalid(field, amount, 'must be greater than zero')];
}

const validateClass = (name: string | undefined, field: string): FieldError[] =>
  name === undefined || name === ''
    ? []
    : dnsSubdomainProblems(name).map((problem) => invalid(field, name, problem));

const notSources = new Set([
  'accessModes',
  'capacity',
  'claimRef',
  'mountOptions',
  'nodeAffinity',
  'persistentVolumeReclaimPolicy',
  'storageClassName',
  'volumeAttributesClassName',
  'volumeMode',
]);

function validateVolume({ spec = {} }: PersistentVolume): FieldError[] {
  const errors = validateModes(spec.accessModes, 'spec.accessModes');
  if (Object.keys(spec.capacity ?? {}).length === 0) errors.push(required('spec.capacity'));
  else if (spec.capacity?.['storage'] === undefined || Object.keys(spec.capacity).length > 1)
    errors.push(unsupported('spec.capacity', spec.capacity, ['storage']));
  for (const [name, amount] of Object.entries(spec.capacity ?? {}))
    errors.push(...validateStorage(amount, `spec.capacity[${name}]`));
  const [source, ...others] = Object.keys(spec).filter((name) => !notSources.has(name));
  if (source === undefined) errors.push(required('spec', 'must specify a volume type'));
  for (const name of others)
    errors.push(forbidden(`spec.${name}`, 'may not specify more than 1 volume type'));
  if (spec.hostPath !== undefined) errors.push(...validateHostPath(spec.hostPath, 'spec.hostPath'));
  if (spec.nfs !== undefined) errors.push(...validateNfs(spec.nfs, 'spec.nfs'));
  errors.push(
    ...oneOf('spec.persistentVolumeReclaimPolicy', spec.persistentVolumeReclaimPolicy, [
      'Delete',
      'Recycle',
      'Retain',
    ]),
    ...validateClass(spec.storageClassName, 'spec.storageClassName'),
    ...oneOf('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem']),
    ...validateNodeAffinity(spec),
    ...validateClass(spec.volumeAttributesClassName, 'spec.volumeAttributesClassName'),
  );
  if (spec.hostPath?.path === '/' && spec.persistentVolumeReclaimPolicy === 'Recycle') {
    const detail = "may not be 'recycle' for a hostPath mount of '/'";
    errors.push(forbidden('spec.persistentVolumeReclaimPolicy', detail));
  }
  return errors;
}

/** A local volume is on a node. */
function validateNodeAffinity({ nodeAffinity, local }: PersistentVolumeSpec): FieldError[] {
  const field = 'spec.nodeAffinity';
  if (nodeAffinity === undefined)
    return local === undefined ? [] : [required(field, 'Local volume requires node affinity')];
  return nodeAffinity.required === undefined
    ? [required(`${field}.required`, 'must specify required node constraints')]
    : validateNodeSelector(nodeAffinity.required.nodeSelectorTerms, `${field}.required`);
}

function validateVolumeUpdate(next: PersistentVolume, current: PersistentVolume): FieldError[] {
  const source = (volume: PersistentVolume): Record<string, unknown> =>
    Object.fromEntries(Object.entries(volume.spec ?? {}).filter(([name]) => !notSources.has(name)));
  const errors: FieldError[] = [];
  if (!isDeepStrictEqual(source(next), source(current)))
    errors.push(
      forbidden('spec.persistentvolumesource', 'spec.persistentvolumesource is immutable after creation'),
    );
  if (next.spec?.volumeMode !== current.spec?.volumeMode)
    errors.push(invalid('volumeMode', next.spec?.volumeMode, 'field is immutable'));
  return errors;
}

export const persistentVolumeRules: KindRules<PersistentVolume> = {
  type: persistentvolumes,
  setDefaults(volume) {
    const spec = volume.spec;
    if (spec === undefined) return;
    spec.persistentVolumeReclaimPolicy ??= 'Retain';
    spec.volumeMode ??= 'Filesystem';
    if (spec.hostPath !== undefined) spec.hostPath.type ??= '';
    setBlockDeviceDefaults({ azureDisk: spec.azureDisk });
    if (spec.iscsi !== undefined) spec.iscsi.iscsiInterface ??= 'default';
  },
  prepareForCreate(volume, { nowMs }) {
    volume.status = { phase: 'Pending', lastPhaseTransitionTime: toTime(nowMs) };
  },
  prepareForUpdate(next, current, { subresource, nowMs }) {
    if (subresource === 'status' && next.status !== undefined && next.status.phase !== current.status?.phase)
      next.status.lastPhaseTransitionTime = toTime(nowMs);
  },
  validate: validateVolume,
  validateUpdate: validateVolumeUpdate,
  columns: [
    nameColumn,
    column('Capacity', 'Size of the volume.', ({ spec }) => spec?.capacity?.['storage'] ?? ''),
    column('Access Modes', 'All ways that the volume can be mounted.', ({ spec }) =>
      modesText(spec?.accessModes),
    ),
    column(
      'Reclaim Policy',
      'What becomes of the volume when its claim is gone.',
      ({ spec }) => spec?.persistentVolumeReclaimPolicy ?? '',
    ),
    column('Status', 'Whether the volume is available, bound or released.', ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    ),
    column('Claim', 'The claim that has it.', ({ spec }) =>
      spec?.claimRef === undefined ? '' : `${spec.claimRef.namespace ?? ''}/${spec.claimRef.name ?? ''}`,
    ),
    column('StorageClass', 'StorageClass of the pv', ({ spec }) => spec?.storageClassName ?? ''),
    column(
      'VolumeAttributesClass',
      'VolumeAttributesClass of the pv',
      ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    ),
    column('Reason', 'Why the volume is in this state.', ({ status }) => status?.reason ?? ''),
    ageColumn,
    wide(
      column('VolumeMode', 'A file system, or a block device.', ({ spec }) => spec?.volumeMode ?? '<unset>'),
    ),
  ],
};

function validateClaim({ spec }: PersistentVolumeClaim): FieldError[] {
  const errors = validateModes(spec?.accessModes, 'spec.accessModes');
  errors.push(...validateLabelSelector(spec?.selector, 'spec.selector'));
  const storage = spec?.resources?.requests?.['storage'];
  if (storage === undefined) errors.push(required('spec.resources[storage]'));
  else errors.push(...validateStorage(storage, 'spec.resources[storage]'));
  errors.push(...validateClass(spec?.storageClassName, 'spec.storageClassName'));
  if (spec?.volumeMode !== undefined)
    errors.push(...oneOf('spec.volumeMode', spec.volumeMode, ['Block', 'Filesystem']));
  for (const name of ['dataSource', 'dataSourceRef'] as const)
    errors.push(...validateDataSource(spec?.[name], `spec.${name}`));
  errors.push(...validateClass(spec?.volumeAttributesClassName, 'spec.volumeAttributesClassName'));
  return errors;
}

function validateDataSource(source: TypedLocalObjectReference | undefined, field: string): FieldError[] {
  if (source === undefined) return [];
  const { apiGroup = '', kind, name } = source;
  const errors: FieldError[] = [];
  if (name === '') errors.push(required(`${field}.name`));
  if (kind === '') errors.push(required(`${field}.kind`));
  if (apiGroup === '' && kind !== 'PersistentVolumeClaim')
    errors.push(
      invalid(field, kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup"),
    );
  for (const problem of apiGroup === '' ? [] : dnsSubdomainProblems(apiGroup))
    errors.push(invalid(`${field}.apiGroup`, apiGroup, problem));
  return errors;
}

const oldClass = 'volume.beta.kubernetes.io/storage-class';

function validateClaimUpdate(next: PersistentVolumeClaim, current: PersistentVolumeClaim): FieldError[] {
  // A claim that named no class may be given one later: the default, when there is one.
  const mayBeClassed =
    current.spec?.storageClassName === undefined && current.metadata.annotations?.[oldClass] === undefined;
  const isBound = next.status?.phase === 'Bound';
  const fixed = (claim: PersistentVolumeClaim): unknown => {
    const { resources, volumeName, volumeAttributesClassName, ...spec } = claim.spec ?? {};
    const { storage, ...requests } = resources?.requests ?? {};
    return {
      ...(mayBeClassed ? { ...spec, storageClassName: undefined } : spec),
      ...((current.spec?.volumeName ?? '') === '' ? {} : { volumeName }),
      resources: { limits: resources?.limits, requests: isBound ? requests : { ...requests, storage } },
      ...(isBound ? {} : { volumeAttributesClassName }),
    };
  };
  const errors: FieldError[] = [];
  if (!isDeepStrictEqual(fixed(next), fixed(current)))
    errors.push(
      forbidden(
        'spec',
        'spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims',
      ),
    );
  return [...errors, ...validateClaimSize(next, current)];
}

/** Smaller only down to more than the claim has, to take back what could not be given. */
function validateClaimSize(next: PersistentVolumeClaim, current: PersistentVolumeClaim): FieldError[] {
  const sizeOf = ({ spec }: PersistentVolumeClaim) =>
    parseQuantity(spec?.resources?.requests?.['storage'] ?? '0');
  const has = parseQuantity(current.status?.capacity?.['storage'] ?? '0');
  const [after, before] = [sizeOf(next), sizeOf(current)];
  return compareQuantities(after, before) < 0 && compareQuantities(after, has) <= 0
    ? [forbidden('spec.resources.requests.storage', 'field can not be less than status.capacity')]
    : [];
}

const about = (name: string): string => describe('PersistentVolumeClaim', name);

export const persistentVolumeClaimRules: KindRules<PersistentVolumeClaim> = {
  type: persistentvolumeclaims,
  setDefaults({ spec }) {
    if (spec !== undefined) setClaimSpecDefaults(spec);
  },
  prepareForCreate(claim) {
    claim.status = { phase: 'Pending' };
  },
  validate: validateClaim,
  validateUpdate: validateClaimUpdate,
  columns: [
    nameColumn,
    column('Status', about('Status'), ({ metadata, status }) =>
      metadata.deletionTimestamp === undefined ? (status?.phase ?? '') : 'Terminating',
    ),
    column('Volume', about('Volume'), ({ spec }) => spec?.volumeName ?? ''),
    column('Capacity', about('Capacity'), ({ spec, status }) =>
      (spec?.volumeName ?? '') === '' ? '' : (status?.capacity?.['storage'] ?? ''),
    ),
    column('Access Modes', about('Access Modes'), ({ spec, status }) =>
      (spec?.volumeName ?? '') === '' ? '' : modesText(status?.accessModes),
    ),
    column('StorageClass', about('StorageClass'), ({ spec }) => spec?.storageClassName ?? ''),
    column(
      'VolumeAttributesClass',
      about('VolumeAttributesClass'),
      ({ spec }) => spec?.volumeAttributesClassName ?? '<unset>',
    ),
    ageColumn,
    wide(column('VolumeMode', about('VolumeMode'), ({ spec }) => spec?.volumeMode ?? '<unset>')),
  ],
};

export const resourceQuotaRules: KindRules<ResourceQuota> = {
  type: resourcequotas,
  setDefaults({ spec }) {
    if (spec?.hard !== undefined) roundToMillis(spec.hard);
  },
  validate: ({ spec }) => [
    ...Object.entries(spec?.hard ?? {}).flatMap(([name, amount]) => [
      ...validateResourceName(name, `spec.hard[${name}]`),
      ...validateQuotaName(name, `spec.hard[${name}]`),
      ...validateResourceAmount(name, amount, `spec.hard[${name}]`),
    ]),
    ...validateQuotaScopes(spec ?? {}, 'spec'),
  ],
  validateUpdate: (next, current) => validateQuotaUpdate(next.spec, current.spec),
  validateStatus: ({ status }) =>
    (['hard', 'used'] as const).flatMap((list) =>
      Object.entries(status?.[list] ?? {}).flatMap(([name, amount]) => [
        ...validateResourceName(name, `status.${list}[${name}]`),
        ...validateQuotaName(name, `status.${list}[${name}]`),
        ...validateResourceAmount(name, amount, `status.${list}[${name}]`),
      ]),
    ),
  columns: [
    nameColumn,
    column('Request', 'What is requested, of what may be.', ({ status }) =>
      usage(status, (name) => !name.startsWith('limits.')),
    ),
    column('Limit', 'What the limits come to, of what they may.', ({ status }) =>
      usage(status, (name) => name.startsWith('limits.')),
    ),
    ageColumn,
  ],
};

function usage(status: ResourceQuota['status'], wanted: (name: string) => boolean): string {
  return Object.keys(status?.hard ?? {})
    .filter(wanted)
    .sort()
    .map((name) => `${name}: ${status?.used?.[name] ?? '0'}/${status?.hard?.[name]}`)
    .join(', ');
}
