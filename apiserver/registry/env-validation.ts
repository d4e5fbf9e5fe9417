import type {
  EnvFromSource,
  EnvVar,
  EnvVarSource,
  ObjectFieldSelector,
  ResourceFieldSelector,
} from '../../api/generated/core-v1.ts';
import { invalid, required, unsupported, unsupportedSorted } from './field-error.ts';
import {
  configKeyProblems,
  dnsSubdomainProblems,
  envVarNameProblems,
  qualifiedNameProblems,
} from './names.ts';
import type { FieldError } from './strategy.ts';

const envFields = [
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
  'spec.nodeName',
  'spec.serviceAccountName',
  'status.hostIP',
  'status.hostIPs',
  'status.podIP',
  'status.podIPs',
];
export const volumeFields: readonly string[] = [
  'metadata.annotations',
  'metadata.labels',
  'metadata.name',
  'metadata.namespace',
  'metadata.uid',
];
/** Everything that a field path can name somewhere. */
const knownFields = new Set([
  ...envFields,
  ...volumeFields,
  'spec.restartPolicy',
  'spec.schedulerName',
  'status.phase',
]);
const envResources =
  /^(?:(?:limits|requests)\.(?:cpu|memory|ephemeral-storage)|(?:limits|requests)\.hugepages-.+)$/;

export function validateEnv(variables: readonly EnvVar[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, variable] of variables.entries()) {
    const { name, value = '', valueFrom } = variable;
    if (name === '') errors.push(required(`${field}[${index}].name`));
    else
      for (const problem of envVarNameProblems(name))
        errors.push(invalid(`${field}[${index}].name`, name, problem));
    if (valueFrom !== undefined)
      errors.push(...validateValueFrom(valueFrom, value, `${field}[${index}].valueFrom`));
  }
  return errors;
}

const sourceNames = [
  'fieldRef',
  'resourceFieldRef',
  'configMapKeyRef',
  'secretKeyRef',
  'fileKeyRef',
] as const;

function validateValueFrom(source: EnvVarSource, value: string, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const given = sourceNames.filter((name) => source[name] !== undefined);
  if (source.fieldRef !== undefined)
    errors.push(...validateFieldRef(source.fieldRef, envFields, `${field}.fieldRef`));
  if (source.resourceFieldRef !== undefined)
    errors.push(...validateResourceRef(source.resourceFieldRef, `${field}.resourceFieldRef`, false));
  if (source.configMapKeyRef !== undefined)
    errors.push(...validateKeyRef(source.configMapKeyRef, `${field}.configMapKeyRef`));
  if (source.secretKeyRef !== undefined)
    errors.push(...validateKeyRef(source.secretKeyRef, `${field}.secretKeyRef`));
  if (given.length === 0)
    errors.push(
      invalid(
        field,
        '',
        'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`',
      ),
    );
  if (value !== '') {
    if (given.length > 0) errors.push(invalid(field, '', 'may not be specified when `value` is not empty'));
  } else if (given.length > 1)
    errors.push(invalid(field, '', 'may not have more than one field specified at a time'));
  return errors;
}

export function validateFieldRef(
  ref: ObjectFieldSelector,
  allowed: readonly string[],
  field: string,
): FieldError[] {
  if ((ref.apiVersion ?? '') === '') return [required(`${field}.apiVersion`)];
  if (ref.fieldPath === '') return [required(`${field}.fieldPath`)];
  const path = `${field}.fieldPath`;
  const subscript = /^(.*)\['(.*)'\]$/.exec(ref.fieldPath);
  if (subscript !== null) {
    const [, parent = '', key = ''] = subscript;
    if (parent !== 'metadata.annotations' && parent !== 'metadata.labels')
      return [invalid(path, parent, 'does not support subscript')];
    const name = parent === 'metadata.annotations' ? key.toLowerCase() : key;
    return qualifiedNameProblems(name).map((problem) => invalid(path, key, problem));
  }
  if (!knownFields.has(ref.fieldPath))
    return [
      invalid(path, ref.fieldPath, `error converting fieldPath: field label not supported: ${ref.fieldPath}`),
    ];
  return allowed.includes(ref.fieldPath) ? [] : [unsupportedSorted(path, ref.fieldPath, allowed)];
}

export function validateResourceRef(
  ref: ResourceFieldSelector,
  field: string,
  needsContainer: boolean,
): FieldError[] {
  if (needsContainer && (ref.containerName ?? '') === '') return [required(`${field}.containerName`)];
  if (ref.resource === '') return [required(`${field}.resource`)];
  if (envResources.test(ref.resource)) return [];
  return [
    unsupported(`${field}.resource`, ref.resource, [
      'limits.cpu',
      'limits.ephemeral-storage',
      'limits.memory',
      'requests.cpu',
      'requests.ephemeral-storage',
      'requests.memory',
    ]),
  ];
}

function validateKeyRef(
  ref: { readonly name?: string | undefined; readonly key: string },
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if ((ref.name ?? '') !== '')
    for (const problem of dnsSubdomainProblems(ref.name ?? ''))
      errors.push(invalid(`${field}.name`, ref.name, problem));
  if (ref.key === '') errors.push(required(`${field}.key`));
  else
    for (const problem of configKeyProblems(ref.key)) errors.push(invalid(`${field}.key`, ref.key, problem));
  return errors;
}

export function validateEnvFrom(sources: readonly EnvFromSource[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [index, source] of sources.entries()) {
    const path = `${field}[${index}]`;
    if ((source.prefix ?? '') !== '')
      for (const problem of envVarNameProblems(source.prefix ?? ''))
        errors.push(invalid(`${path}.prefix`, source.prefix, problem));
    const given = [source.configMapRef, source.secretRef].filter((ref) => ref !== undefined);
    for (const [name, ref] of [
      ['configMapRef', source.configMapRef],
      ['secretRef', source.secretRef],
    ] as const)
      if (ref !== undefined && (ref.name ?? '') === '') errors.push(required(`${path}.${name}.name`));
    if (given.length === 0)
      errors.push(invalid(field, '', 'must specify one of: `configMapRef` or `secretRef`'));
    if (given.length > 1)
      errors.push(invalid(field, '', 'may not have more than one field specified at a time'));
  }
  return errors;
}
