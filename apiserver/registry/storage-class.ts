import { isDeepStrictEqual } from 'node:util';
import type { TopologySelectorTerm } from '../../api/generated/core-v1.ts';
import { storageclasses, volumeattributesclasses } from '../../api/generated/resources.ts';
import type { StorageClass, VolumeAttributesClass } from '../../api/generated/storage-v1.ts';
import { ageColumn, column, nameColumn } from './columns.ts';
import { duplicate, forbidden, invalid, oneOf, required, tooLong } from './field-error.ts';
import type { KindRules } from './kind-rules.ts';
import { qualifiedNameProblems } from './names.ts';
import type { FieldError } from './strategy.ts';

const maxParameters = 512;
const maxParameterBytes = 256 * 1024;

function validateProvisioner(name: string, field: string): FieldError[] {
  if (name === '') return [required(field)];
  const lower = name.toLowerCase();
  return qualifiedNameProblems(lower).map((problem) => invalid(field, lower, problem));
}

function validateParameters(parameters: Readonly<Record<string, string>> = {}): FieldError[] {
  const entries = Object.entries(parameters);
  if (entries.length > maxParameters) return [tooLong('parameters', maxParameters)];
  const errors = Object.hasOwn(parameters, '') ? [invalid('parameters', '', 'field can not be empty.')] : [];
  const bytes = entries.reduce(
    (sum, [key, value]) => sum + Buffer.byteLength(key) + Buffer.byteLength(value),
    0,
  );
  return bytes > maxParameterBytes ? [...errors, tooLong('parameters', maxParameterBytes)] : errors;
}

function validateTopologies(terms: readonly TopologySelectorTerm[]): FieldError[] {
  const seen: ReadonlyMap<string, ReadonlySet<string>>[] = [];
  return terms.flatMap((term, index) => {
    const field = `allowedTopologies[${index}].matchLabelExpressions`;
    const errors = validateTopology(term, field);
    const wanted = new Map(
      (term.matchLabelExpressions ?? []).map(({ key, values }) => [key, new Set(values ?? [])]),
    );
    if (seen.some((other) => isDeepStrictEqual(other, wanted))) errors.push(duplicate(field, ''));
    seen.push(wanted);
    return errors;
  });
}

function validateTopology({ matchLabelExpressions = [] }: TopologySelectorTerm, field: string): FieldError[] {
  const keys = matchLabelExpressions.map(({ key }) => key);
  return matchLabelExpressions.flatMap(({ key, values: written }, index) => {
    const path = `${field}[${index}]`;
    const values = written ?? [];
    return [
      ...(values.length === 0 ? [required(`${path}.values`)] : []),
      ...values.flatMap((value, at) =>
        values.indexOf(value) < at ? [duplicate(`${path}.values[${at}]`, value)] : [],
      ),
      ...qualifiedNameProblems(key).map((problem) => invalid(`${path}.key`, key, problem)),
      ...(keys.indexOf(key) < index ? [duplicate(`${path}.key`, key)] : []),
    ];
  });
}

export const storageClassRules: KindRules<StorageClass> = {
  type: storageclasses,
  setDefaults(storageClass) {
    storageClass.reclaimPolicy ??= 'Delete';
    storageClass.volumeBindingMode ??= 'Immediate';
  },
  validateCreate: ({ provisioner, parameters, reclaimPolicy, volumeBindingMode, allowedTopologies }) => [
    ...validateProvisioner(provisioner, 'provisioner'),
    ...validateParameters(parameters),
    ...(reclaimPolicy === '' ? [] : oneOf('reclaimPolicy', reclaimPolicy, ['Delete', 'Retain'])),
    ...oneOf('volumeBindingMode', volumeBindingMode, ['Immediate', 'WaitForFirstConsumer']),
    ...validateTopologies(allowedTopologies ?? []),
  ],
  validateUpdate(next, current) {
    const errors: FieldError[] = [];
    for (const name of ['parameters', 'provisioner', 'reclaimPolicy'] as const)
      if (!isDeepStrictEqual(next[name], current[name]))
        errors.push(forbidden(name, `updates to ${name} are forbidden.`));
    if (next.volumeBindingMode !== current.volumeBindingMode)
      errors.push(invalid('volumeBindingMode', next.volumeBindingMode, 'field is immutable'));
    return errors;
  },
  columns: [
    {
      ...nameColumn,
      cell: ({ metadata }: StorageClass) =>
        metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true'
          ? `${metadata.name} (default)`
          : (metadata.name ?? ''),
    },
    column('Provisioner', 'Who makes the volumes.', ({ provisioner }) => provisioner),
    column(
      'ReclaimPolicy',
      'What becomes of a volume when its claim is gone.',
      ({ reclaimPolicy }) => reclaimPolicy ?? 'Delete',
    ),
    column(
      'VolumeBindingMode',
      'When volumes are made and bound.',
      ({ volumeBindingMode }) => volumeBindingMode ?? '<unset>',
    ),
    column('AllowVolumeExpansion', 'Whether volumes may grow.', ({ allowVolumeExpansion }) =>
      String(allowVolumeExpansion ?? false),
    ),
    ageColumn,
  ],
};

export const volumeAttributesClassRules: KindRules<VolumeAttributesClass> = {
  type: volumeattributesclasses,
  validate: ({ driverName, parameters }) => [
    ...validateProvisioner(driverName, 'driverName'),
    ...validateParameters(parameters),
    ...(Object.keys(parameters ?? {}).length === 0
      ? [required('parameters', 'must contain at least one key/value pair')]
      : []),
  ],
  validateUpdate: (next, current) =>
    (['driverName', 'parameters'] as const).flatMap((name) =>
      isDeepStrictEqual(next[name], current[name])
        ? []
        : [forbidden(name, `updates to ${name} are forbidden.`)],
    ),
  columns: [
    nameColumn,
    column('DriverName', 'The driver that it is for.', ({ driverName }) => driverName),
    ageColumn,
  ],
};
