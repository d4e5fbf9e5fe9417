import type {
  ConfigMap,
  DownwardAPIVolumeFile,
  KeyToPath,
  Secret,
  VolumeProjection,
} from '../../api/generated/core-v1.ts';
import type { ReferencedObjects } from '../pod/container-environment.ts';
import { type FieldContext, fieldValue, resourceFieldValue } from '../pod/field-value.ts';

/** One file of a volume. `mode` has permission bits only. */
export interface VolumeFile {
  readonly data: Buffer;
  readonly mode: number;
  /** Left out: root. */
  readonly owner?: number | undefined;
}

/** By path relative to the volume. */
export type VolumeFiles = ReadonlyMap<string, VolumeFile>;

/** A volume cannot be set up; the message is what users read in the FailedMount event. */
export class VolumeError extends Error {
  readonly code = 'VOLUME_SETUP';
}

export const defaultFileMode = 0o644;

export interface FilesContext extends FieldContext {
  readonly objects: ReferencedObjects;
}

interface ObjectSource {
  readonly name?: string | undefined;
  readonly items?: readonly KeyToPath[] | undefined;
  readonly optional?: boolean | undefined;
}

export function configMapFiles(source: ObjectSource, mode: number, { objects }: FilesContext): VolumeFiles {
  const configMap = objects.configMap(source.name ?? '');
  if (configMap === undefined && source.optional !== true)
    throw new VolumeError(`configmap "${source.name}" not found`);
  return selectFiles(
    configMap === undefined ? new Map() : configMapData(configMap),
    source,
    mode,
    'configmap references non-existent config key',
  );
}

function configMapData({ data, binaryData }: ConfigMap): Map<string, Buffer> {
  return new Map([
    ...Object.entries(data ?? {}).map(([key, text]): [string, Buffer] => [key, Buffer.from(text)]),
    ...Object.entries(binaryData ?? {}).map(([key, text]): [string, Buffer] => [
      key,
      Buffer.from(text, 'base64'),
    ]),
  ]);
}

export function secretFiles(source: ObjectSource, mode: number, { objects }: FilesContext): VolumeFiles {
  const secret = objects.secret(source.name ?? '');
  if (secret === undefined && source.optional !== true)
    throw new VolumeError(`secret "${source.name}" not found`);
  return selectFiles(
    secret === undefined ? new Map() : secretData(secret),
    source,
    mode,
    'references non-existent secret key',
  );
}

function secretData({ data }: Secret): Map<string, Buffer> {
  return new Map(Object.entries(data ?? {}).map(([key, text]) => [key, Buffer.from(text, 'base64')]));
}

function selectFiles(
  data: ReadonlyMap<string, Buffer>,
  { items, optional }: ObjectSource,
  mode: number,
  missing: string,
): VolumeFiles {
  if (items === undefined || items.length === 0)
    return new Map([...data].map(([key, content]) => [key, { data: content, mode }]));
  const files = new Map<string, VolumeFile>();
  for (const item of items) {
    const content = data.get(item.key);
    if (content === undefined && optional === true) continue;
    if (content === undefined) throw new VolumeError(`${missing}: ${item.key}`);
    files.set(safePath(item.path), { data: content, mode: item.mode ?? mode });
  }
  return files;
}

export function downwardFiles(
  items: readonly DownwardAPIVolumeFile[],
  mode: number,
  context: FilesContext,
): VolumeFiles {
  return new Map(
    items.map((item) => [
      safePath(item.path),
      { data: Buffer.from(downwardValue(item, context)), mode: item.mode ?? mode },
    ]),
  );
}

function downwardValue(item: DownwardAPIVolumeFile, context: FilesContext): string {
  const value =
    item.fieldRef === undefined
      ? item.resourceFieldRef && resourceFieldValue(item.resourceFieldRef, undefined, context)
      : fieldValue(item.fieldRef.fieldPath, context);
  if (value === undefined)
    throw new VolumeError(
      `unsupported field: ${item.fieldRef?.fieldPath ?? item.resourceFieldRef?.resource}`,
    );
  return value;
}

/** Sources of a projected volume but tokens, which take a request to the API. */
export function projectedFiles(source: VolumeProjection, mode: number, context: FilesContext): VolumeFiles {
  if (source.configMap !== undefined) return configMapFiles(source.configMap, mode, context);
  if (source.secret !== undefined) return secretFiles(source.secret, mode, context);
  if (source.downwardAPI !== undefined) return downwardFiles(source.downwardAPI.items ?? [], mode, context);
  const kind = Object.keys(source)[0] ?? 'empty';
  throw new VolumeError(`projected source ${kind} is not supported on this node`);
}

/** The API refuses such paths too; a volume is no place to trust that. */
export function safePath(path: string): string {
  const isUnsafe = path.startsWith('/') || path.split('/').some((part) => part === '..' || part === '');
  if (isUnsafe || path.startsWith('..')) throw new VolumeError(`invalid path ${JSON.stringify(path)}`);
  return path;
}
