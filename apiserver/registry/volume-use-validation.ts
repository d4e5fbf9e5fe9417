/** What containers do with the volumes of their pod. */
import type { Container, EphemeralContainer, Volume, VolumeMount } from '../../api/generated/core-v1.ts';
import {
  forbidden,
  invalid,
  notFoundValue,
  required,
  unsupported,
  unsupportedSorted,
} from './field-error.ts';
import type { FieldError } from './strategy.ts';

type AnyContainer = Container | EphemeralContainer;
export type VolumesByName = ReadonlyMap<string, Volume>;

export function validateVolumeMounts(
  container: AnyContainer,
  path: string,
  volumes: VolumesByName,
): FieldError[] {
  const errors: FieldError[] = [];
  const field = `${path}.volumeMounts`;
  const mountPaths = new Set<string>();
  const devices = container.volumeDevices ?? [];
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const item = `${field}[${index}]`;
    if (mount.name === '') errors.push(required(`${item}.name`));
    if (!volumes.has(mount.name)) errors.push(notFoundValue(`${item}.name`, mount.name));
    if (mount.mountPath === '') errors.push(required(`${item}.mountPath`));
    if (mountPaths.has(mount.mountPath))
      errors.push(invalid(`${item}.mountPath`, mount.mountPath, 'must be unique'));
    mountPaths.add(mount.mountPath);
    if (devices.some(({ name }) => name === mount.name))
      errors.push(invalid(`${item}.name`, mount.name, 'must not already exist in volumeDevices'));
    if (devices.some(({ devicePath }) => devicePath === mount.mountPath))
      errors.push(
        invalid(`${item}.mountPath`, mount.mountPath, 'must not already exist as a path in volumeDevices'),
      );
    errors.push(...validateSubPaths(mount, item, field));
    // Kubernetes names the list here, not the item.
    errors.push(...validatePropagation(mount.mountPropagation, container, `${field}.mountPropagation`));
    errors.push(...validateRecursiveReadOnly(mount, `${field}.recursiveReadOnly`));
  }
  return errors;
}

function validateSubPaths(mount: VolumeMount, item: string, field: string): FieldError[] {
  const errors: FieldError[] = [];
  const { subPath = '', subPathExpr = '' } = mount;
  if (subPath !== '') errors.push(...validateDescendingPath(subPath, `${field}.subPath`));
  if (subPathExpr === '') return errors;
  if (subPath !== '')
    errors.push(
      invalid(`${item}.subPathExpr`, subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
    );
  return [...errors, ...validateDescendingPath(subPathExpr, `${field}.subPathExpr`)];
}

function validatePropagation(mode: string | undefined, container: AnyContainer, field: string): FieldError[] {
  if (mode === undefined) return [];
  const modes = ['Bidirectional', 'HostToContainer', 'None'];
  if (!modes.includes(mode)) return [unsupported(field, mode, modes)];
  return mode === 'Bidirectional' && container.securityContext?.privileged !== true
    ? [forbidden(field, 'Bidirectional mount propagation is available only to privileged containers')]
    : [];
}

const recursions = ['Disabled', 'Enabled', 'IfPossible'];

function validateRecursiveReadOnly(mount: VolumeMount, field: string): FieldError[] {
  const mode = mount.recursiveReadOnly;
  if (mode === undefined || mode === 'Disabled') return [];
  if (!recursions.includes(mode)) return [unsupportedSorted(field, mode, recursions)];
  const errors: FieldError[] = [];
  if (mount.readOnly !== true) errors.push(forbidden(field, 'may only be specified when readOnly is true'));
  if (mount.mountPropagation !== undefined && mount.mountPropagation !== 'None')
    errors.push(forbidden(field, 'may only be specified when mountPropagation is None or not specified'));
  return errors;
}

/** A path below a directory, never above it. */
export function validateDescendingPath(path: string, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (path.startsWith('/')) errors.push(invalid(field, path, 'must be a relative path'));
  if (hasBackstep(path)) errors.push(invalid(field, path, "must not contain '..'"));
  return errors;
}

const hasBackstep = (path: string): boolean => path.includes('..') && path.split('/').includes('..');

/** Block devices: claims only, each once, and not mounted as well. */
export function validateVolumeDevices(
  container: AnyContainer,
  path: string,
  volumes: VolumesByName,
): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const paths = new Set<string>();
  const mounts = container.volumeMounts ?? [];
  for (const [index, { name, devicePath }] of (container.volumeDevices ?? []).entries()) {
    const item = `${path}.volumeDevices[${index}]`;
    const tell = (field: 'name' | 'devicePath', detail: string): void => {
      errors.push(invalid(`${item}.${field}`, field === 'name' ? name : devicePath, detail));
    };
    const volume = volumes.get(name);
    if (name === '') errors.push(required(`${item}.name`));
    if (names.has(name)) tell('name', 'must be unique');
    if (volume === undefined) errors.push(notFoundValue(`${item}.name`, name));
    else if (volume.persistentVolumeClaim === undefined && volume.ephemeral === undefined)
      tell('name', 'can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode');
    if (devicePath === '') errors.push(required(`${item}.devicePath`));
    if (paths.has(devicePath)) tell('devicePath', 'must be unique');
    if (hasBackstep(devicePath)) tell('devicePath', "can not contain backsteps ('..')");
    if (mounts.some((mount) => mount.name === name)) tell('name', 'must not already exist in volumeMounts');
    if (mounts.some(({ mountPath }) => mountPath === devicePath))
      tell('devicePath', 'must not already exist as a path in volumeMounts');
    paths.add(devicePath);
    if (name !== '') names.add(name);
  }
  return errors;
}
