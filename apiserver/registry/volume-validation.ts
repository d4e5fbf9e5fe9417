import type {
  DownwardAPIVolumeSource,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
} from '../../api/generated/core-v1.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { validateFieldRef, validateResourceRef, volumeFields } from './env-validation.ts';
import { duplicate, forbidden, invalid, required, unsupported } from './field-error.ts';
import { dnsLabelProblems } from './names.ts';
import type { FieldError } from './strategy.ts';
import { validateDescendingPath } from './volume-use-validation.ts';

const maxFileMode = 0o777;

export function validateVolumes(volumes: readonly Volume[], field: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const path = `${field}[${index}]`;
    errors.push(...validateSource(volume, path));
    if (volume.name === '') errors.push(required(`${path}.name`));
    else
      for (const problem of dnsLabelProblems(volume.name))
        errors.push(invalid(`${path}.name`, volume.name, problem));
    if (volume.name !== '' && names.has(volume.name)) errors.push(duplicate(`${path}.name`, volume.name));
    names.add(volume.name);
  }
  return errors;
}

function validateSource(volume: Volume, path: string): FieldError[] {
  const sources = Object.keys(volume).filter((key) => key !== 'name');
  const [first, ...others] = sources;
  if (first === undefined) return [required(path, 'must specify a volume type')];
  return [
    ...validateKnownSource(volume, path),
    ...others.map((name) => forbidden(`${path}.${name}`, 'may not specify more than 1 volume type')),
  ];
}

function validateKnownSource(volume: Volume, path: string): FieldError[] {
  const { emptyDir, hostPath, secret, configMap, downwardAPI, projected, nfs, persistentVolumeClaim, csi } =
    volume;
  const errors: FieldError[] = [];
  if (emptyDir?.sizeLimit !== undefined && parseQuantity(emptyDir.sizeLimit).nanos < 0n)
    errors.push(forbidden(`${path}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'));
  if (hostPath !== undefined) errors.push(...validateHostPath(hostPath, `${path}.hostPath`));
  if (secret !== undefined) {
    if ((secret.secretName ?? '') === '') errors.push(required(`${path}.secret.secretName`));
    errors.push(...validateModes(secret, `${path}.secret`));
  }
  if (configMap !== undefined) {
    if ((configMap.name ?? '') === '') errors.push(required(`${path}.configMap.name`));
    errors.push(...validateModes(configMap, `${path}.configMap`));
  }
  if (downwardAPI !== undefined) errors.push(...validateDownward(downwardAPI, `${path}.downwardAPI`));
  if (projected !== undefined) errors.push(...validateProjected(projected, `${path}.projected`));
  if (nfs !== undefined) errors.push(...validateNfs(nfs, `${path}.nfs`));
  if (persistentVolumeClaim !== undefined && persistentVolumeClaim.claimName === '')
    errors.push(required(`${path}.persistentVolumeClaim.claimName`));
  if (csi !== undefined && csi.driver === '') errors.push(required(`${path}.csi.driver`));
  return errors;
}

const hostPathTypes = [
  '',
  'BlockDevice',
  'CharDevice',
  'Directory',
  'DirectoryOrCreate',
  'File',
  'FileOrCreate',
  'Socket',
];

export function validateHostPath(
  source: { readonly path: string; readonly type?: string | undefined },
  field: string,
): FieldError[] {
  if (source.path === '') return [required(`${field}.path`)];
  const errors: FieldError[] = [];
  if (source.path.split('/').includes('..'))
    errors.push(invalid(`${field}.path`, source.path, "must not contain '..'"));
  if (!hostPathTypes.includes(source.type ?? ''))
    errors.push(unsupported(`${field}.type`, source.type, hostPathTypes));
  return errors;
}

export function validateNfs(
  source: { readonly server: string; readonly path: string },
  field: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (source.server === '') errors.push(required(`${field}.server`));
  if (source.path === '') errors.push(required(`${field}.path`));
  else if (!source.path.startsWith('/'))
    errors.push(invalid(`${field}.path`, source.path, 'must be an absolute path'));
  return errors;
}

interface Files {
  readonly defaultMode?: number | undefined;
  readonly items?: readonly KeyToPath[] | undefined;
}

function validateMode(mode: number | undefined, field: string): FieldError[] {
  return mode === undefined || (mode >= 0 && mode <= maxFileMode)
    ? []
    : [invalid(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')];
}

function validateModes(files: Files, field: string): FieldError[] {
  const errors = validateMode(files.defaultMode, `${field}.defaultMode`);
  for (const [index, item] of (files.items ?? []).entries()) {
    const path = `${field}.items[${index}]`;
    if (item.key === '') errors.push(required(`${path}.key`));
    if (item.path === '') errors.push(required(`${path}.path`));
    errors.push(...validateFilePath(item.path, `${path}.path`), ...validateMode(item.mode, `${path}.mode`));
  }
  return errors;
}

function validateFilePath(path: string, field: string): FieldError[] {
  const errors = validateDescendingPath(path, field);
  if (path.startsWith('..') && !path.startsWith('../') && path !== '..')
    errors.push(invalid(field, path, "must not start with '..'"));
  return errors;
}

function validateDownward(source: DownwardAPIVolumeSource, field: string): FieldError[] {
  const errors = validateMode(source.defaultMode, `${field}.defaultMode`);
  for (const [index, file] of (source.items ?? []).entries()) {
    const path = `${field}.items[${index}]`;
    if (file.path === '') errors.push(required(`${path}.path`));
    errors.push(...validateFilePath(file.path, `${path}.path`));
    if (file.fieldRef !== undefined) {
      errors.push(...validateFieldRef(file.fieldRef, volumeFields, `${path}.fieldRef`));
      if (file.resourceFieldRef !== undefined)
        errors.push(
          invalid(path, 'resource', 'fieldRef and resourceFieldRef can not be specified simultaneously'),
        );
    } else if (file.resourceFieldRef !== undefined)
      errors.push(...validateResourceRef(file.resourceFieldRef, `${path}.resourceFieldRef`, true));
    else errors.push(required(path, 'one of fieldRef and resourceFieldRef is required'));
    errors.push(...validateMode(file.mode, `${path}.mode`));
  }
  return errors;
}

const minTokenSeconds = 10 * 60;

function validateProjected(source: ProjectedVolumeSource, field: string): FieldError[] {
  const errors = validateMode(source.defaultMode, `${field}.defaultMode`);
  const sources = source.sources ?? [];
  for (const [index, item] of sources.entries()) {
    const path = `${field}.sources[${index}]`;
    const [first, ...others] = Object.keys(item);
    if (first === undefined) errors.push(required(`${field}.sources`, 'must specify at least one source'));
    for (const name of others)
      errors.push(forbidden(`${path}.${name}`, 'may not specify more than 1 volume type per source'));
    if (item.secret !== undefined) {
      if ((item.secret.name ?? '') === '') errors.push(required(`${path}.secret.name`));
      errors.push(...validateModes(item.secret, `${path}.secret`));
    }
    if (item.configMap !== undefined) {
      if ((item.configMap.name ?? '') === '') errors.push(required(`${path}.configMap.name`));
      errors.push(...validateModes(item.configMap, `${path}.configMap`));
    }
    if (item.downwardAPI !== undefined)
      errors.push(...validateDownward(item.downwardAPI, `${path}.downwardAPI`));
    const token = item.serviceAccountToken;
    if (token === undefined) continue;
    if ((token.expirationSeconds ?? minTokenSeconds) < minTokenSeconds)
      errors.push(
        invalid(
          `${path}.serviceAccountToken.expirationSeconds`,
          token.expirationSeconds,
          'may not specify a duration less than 10 minutes',
        ),
      );
    if (token.path === '') errors.push(required(`${path}.serviceAccountToken.path`));
  }
  return errors;
}
