/** What drivers of volumes say of themselves, of nodes and of what is attached. */
import { isDeepStrictEqual } from 'node:util';
import type { ObjectMeta } from '../../api/generated/meta-v1.ts';
import {
  csidrivers,
  csinodes,
  csistoragecapacities,
  volumeattachments,
} from '../../api/generated/resources.ts';
import type {
  CSIDriver,
  CSINode,
  CSINodeDriver,
  CSIStorageCapacity,
  TokenRequest,
  VolumeAttachment,
  VolumeError,
} from '../../api/generated/storage-v1.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { duplicate, forbidden, invalid, oneOf, required, tooLong, unsupported } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { validateLabelSelector } from './label-selector.ts';
import { dnsSubdomainProblems, qualifiedNameProblems } from './names.ts';
import { notNegative, validateNonNegative } from './probe-validation.ts';
import type { FieldError } from './strategy.ts';

const maxDriverName = 63;
const maxNodeId = 256;
const maxAttachmentBytes = 256 * 1024;
const maxErrorMessage = 1024;
const minPeriodSeconds = 10;
const minTokenSeconds = 600;
const maxTokenSeconds = 2 ** 32;
const lifecycles = ['Persistent', 'Ephemeral'];

/** A change of these is a new generation of the driver. */
const countedOfDriver = [
  'tokenRequests',
  'requiresRepublish',
  'seLinuxMount',
  'nodeAllocatableUpdatePeriodSeconds',
] as const;

function validateDriverName(name: string, field: string): FieldError[] {
  return [
    ...(name === '' ? [required(field)] : []),
    ...(name.length > maxDriverName ? [tooLong(field, maxDriverName)] : []),
    ...dnsSubdomainProblems(name.toLowerCase()).map((problem) => invalid(field, name, problem)),
  ];
}

function validateDriver({ spec }: CSIDriver): FieldError[] {
  const period = spec.nodeAllocatableUpdatePeriodSeconds;
  return [
    ...oneOf('spec.fsGroupPolicy', spec.fsGroupPolicy, ['File', 'None', 'ReadWriteOnceWithFSType']),
    ...validateTokenRequests(spec.tokenRequests ?? []),
    ...(spec.volumeLifecycleModes ?? [])
      .filter((mode) => !lifecycles.includes(mode))
      .map((mode) => unsupported('spec.volumeLifecycleModes', mode, lifecycles)),
    ...(period !== undefined && period < minPeriodSeconds
      ? [
          invalid(
            'spec.nodeAllocatableUpdatePeriodSeconds',
            period,
            `must be greater than or equal to ${minPeriodSeconds} seconds`,
          ),
        ]
      : []),
  ];
}

function validateTokenRequests(requests: readonly TokenRequest[]): FieldError[] {
  const audiences = requests.map(({ audience }) => audience);
  return requests.flatMap(({ audience, expirationSeconds: seconds }, index) => {
    const path = `spec.tokenRequests[${index}]`;
    if (audiences.indexOf(audience) < index) return [duplicate(`${path}.audience`, audience)];
    if (seconds === undefined) return [];
    if (seconds < minTokenSeconds)
      return [
        invalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration less than 10 minutes'),
      ];
    return seconds > maxTokenSeconds
      ? [invalid(`${path}.expirationSeconds`, seconds, 'may not specify a duration larger than 2^32 seconds')]
      : [];
  });
}

export const csiDriverRules: KindRules<CSIDriver> = {
  type: csidrivers,
  allowUnconditionalUpdate: false,
  prepareForUpdate({ metadata, spec }, current) {
    if (countedOfDriver.some((name) => !isDeepStrictEqual(spec[name], current.spec[name])))
      metadata.generation = (current.metadata.generation ?? 0) + 1;
  },
  validate: validateDriver,
  validateUpdate: ({ spec }, current) =>
    (['attachRequired', 'volumeLifecycleModes'] as const).flatMap((name) =>
      isDeepStrictEqual(spec[name], current.spec[name])
        ? []
        : [
            invalid(
              name === 'attachRequired' ? 'spec.attachedRequired' : `spec.${name}`,
              spec[name],
              'field is immutable',
            ),
          ],
    ),
  setDefaults({ spec }) {
    spec.attachRequired ??= true;
    spec.podInfoOnMount ??= false;
    spec.storageCapacity ??= false;
    spec.fsGroupPolicy ??= 'ReadWriteOnceWithFSType';
    if ((spec.volumeLifecycleModes ?? []).length === 0) spec.volumeLifecycleModes = ['Persistent'];
    spec.requiresRepublish ??= false;
    spec.seLinuxMount ??= false;
  },
};

function validateDrivers(drivers: readonly CSINodeDriver[]): FieldError[] {
  const names = drivers.map(({ name }) => name);
  return drivers.flatMap((driver, index) => {
    const path = `spec.drivers[${index}]`;
    const { name, nodeID = '', allocatable, topologyKeys = [] } = driver;
    return [
      ...validateDriverName(name, `${path}.name`),
      ...(nodeID === '' ? [required(`${path}.nodeID`)] : []),
      ...(nodeID.length > maxNodeId
        ? [invalid(`${path}.nodeID`, nodeID, `must be ${maxNodeId} characters or less`)]
        : []),
      ...validateNonNegative(allocatable?.count, `${path}.allocatable.count`),
      ...(names.indexOf(name) < index ? [duplicate(`${path}.name`, name)] : []),
      ...topologyKeys.flatMap((key, at) => [
        ...(key === '' ? [required(path)] : []),
        ...(topologyKeys.indexOf(key) < at ? [duplicate(path, key)] : []),
        ...qualifiedNameProblems(key).map((problem) => invalid(path, key, problem)),
      ]),
    ];
  });
}

/** A driver of a node says something else only after it was taken out; what it can take may change. */
function validateDriversKept(next: CSINode, current: CSINode): FieldError[] {
  const fixed = ({ allocatable: _, ...driver }: CSINodeDriver): object => driver;
  return (current.spec?.drivers ?? []).flatMap((old) =>
    (next.spec?.drivers ?? [])
      .filter(({ name }) => name === old.name)
      .filter((driver) => !isDeepStrictEqual(fixed(driver), fixed(old)))
      .map((driver) => invalid('spec.drivers', shownDriver(driver), 'field is immutable')),
  );
}

/** By the names of the program, as messages show it. */
const shownDriver = ({ name, nodeID, topologyKeys }: CSINodeDriver): object => ({
  Name: name,
  NodeID: nodeID,
  TopologyKeys: topologyKeys ?? null,
  Allocatable: null,
});

export const csiNodeRules: KindRules<CSINode> = {
  type: csinodes,
  allowUnconditionalUpdate: false,
  validate: ({ spec }) => validateDrivers(spec?.drivers ?? []),
  validateUpdate: validateDriversKept,
  columns: [
    nameColumn,
    column(
      'Drivers',
      'How many drivers the node has.',
      ({ spec }) => (spec?.drivers ?? []).length,
      'integer',
    ),
    ageColumn,
  ],
};

type AttachmentSpec = VolumeAttachment['spec'];

const shownAttachment = (spec: AttachmentSpec): object => ({
  Attacher: spec?.attacher ?? '',
  Source: {
    PersistentVolumeName: spec?.source?.persistentVolumeName ?? null,
    InlineVolumeSpec: spec?.source?.inlineVolumeSpec ?? null,
  },
  NodeName: spec?.nodeName ?? '',
});

function validateAttachment({ spec }: VolumeAttachment): FieldError[] {
  const { attacher = '', source = {}, nodeName = '' } = spec ?? {};
  const field = 'spec.source';
  const errors: FieldError[] = attacher === '' ? [required('spec.attacher')] : [];
  const detail = 'must specify exactly one of inlineVolumeSpec and persistentVolumeName';
  const [inline, name] = [source.inlineVolumeSpec, source.persistentVolumeName];
  if (inline === undefined && name === undefined) errors.push(required(field, detail));
  else if (inline !== undefined && name !== undefined) errors.push(forbidden(field, detail));
  else if (name === '')
    errors.push(required(`${field}.persistentVolumeName`, 'must specify non empty persistentVolumeName'));
  for (const problem of dnsSubdomainProblems(nodeName))
    errors.push(invalid('spec.nodeName', nodeName, problem));
  return errors;
}

function validateAttachmentStatus(status: VolumeAttachment['status']): FieldError[] {
  const bytes = Object.entries(status?.attachmentMetadata ?? {}).reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  return [
    ...(bytes > maxAttachmentBytes ? [tooLong('status.attachmentMetadata', maxAttachmentBytes)] : []),
    ...validateVolumeError(status?.attachError, 'status.attachError'),
    ...validateVolumeError(status?.detachError, 'status.detachError'),
  ];
}

/** A message that is too long is told of the limit of metadata, as Kubernetes tells it. */
function validateVolumeError(error: VolumeError | undefined, field: string): FieldError[] {
  const { message = '', errorCode = 0 } = error ?? {};
  return [
    ...(Buffer.byteLength(message) > maxErrorMessage
      ? [tooLong(`${field}.message`, maxAttachmentBytes)]
      : []),
    ...(errorCode < 0
      ? [invalid(`${field}.errorCode`, errorCode, 'must be between 0 and 2147483647, inclusive')]
      : []),
  ];
}

/** Its status is written, and nothing else. Mutates. */
function keepMetadata(next: ObjectMeta, current: ObjectMeta): void {
  for (const name of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const)
    if (current[name] === undefined) delete next[name];
    else Object.assign(next, { [name]: structuredClone(current[name]) });
}

export const volumeAttachmentRules: KindRules<VolumeAttachment> = {
  type: volumeattachments,
  allowUnconditionalUpdate: false,
  prepareForUpdate(next, current, { subresource }) {
    if (subresource === 'status') keepMetadata(next.metadata, current.metadata);
  },
  validate: validateAttachment,
  validateCreate({ spec }) {
    const volume = spec?.source?.persistentVolumeName ?? '';
    return [
      ...validateDriverName(spec?.attacher ?? '', 'spec.attacher'),
      ...(spec?.source?.persistentVolumeName === undefined ? [] : dnsSubdomainProblems(volume)).map(
        (problem) => invalid('spec.source.persistentVolumeName', volume, problem),
      ),
    ];
  },
  validateUpdate: ({ spec }, current) =>
    isDeepStrictEqual(spec, current.spec)
      ? []
      : [invalid('spec', shownAttachment(spec), 'field is immutable')],
  validateStatus: ({ status }) => validateAttachmentStatus(status),
  columns: [
    nameColumn,
    column('Attacher', 'The driver that attaches.', ({ spec }) => spec?.attacher ?? ''),
    column('PV', 'The volume.', ({ spec }) => spec?.source?.persistentVolumeName ?? ''),
    column('Node', 'Where it is attached.', ({ spec }) => spec?.nodeName ?? ''),
    column('Attached', 'Whether it is.', ({ status }) => status?.attached ?? false, 'boolean'),
    ageColumn,
  ],
};

export const storageCapacityRules: KindRules<CSIStorageCapacity> = {
  type: csistoragecapacities,
  allowUnconditionalUpdate: false,
  validateCreate({ nodeTopology, storageClassName, capacity }) {
    return [
      ...validateLabelSelector(nodeTopology, 'nodeTopology'),
      ...dnsSubdomainProblems(storageClassName).map((problem) =>
        invalid('storageClassName', storageClassName, problem),
      ),
      ...(capacity !== undefined && parseQuantity(capacity).nanos < 0n
        ? [invalid('capacity', capacity, notNegative)]
        : []),
    ];
  },
  validateUpdate: (next, current) =>
    (['nodeTopology', 'storageClassName'] as const).flatMap((name) =>
      isDeepStrictEqual(next[name], current[name]) ? [] : [invalid(name, next[name], 'field is immutable')],
    ),
};
