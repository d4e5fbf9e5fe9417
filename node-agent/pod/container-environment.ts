import type {
  ConfigMap,
  Container,
  EnvVar,
  EnvVarSource,
  FileKeySelector,
  Pod,
  Secret,
  Service,
} from '../../api/generated/core-v1.ts';
import { messageOf } from '../../base/invariant.ts';
import { parseEnvFile } from './env-file.ts';
import { expandVariables } from './expansion.ts';
import { type FieldContext, fieldValue, resourceFieldValue } from './field-value.ts';
import { serviceEnvironment } from './service-environment.ts';

/** The container's configuration names something that is not there. The message is what users read in the status. */
export class ContainerConfigError extends Error {
  readonly code = 'CONTAINER_CONFIG';
}

/** ConfigMaps and Secrets of the pod's namespace, by name; undefined: there is none. */
export interface ReferencedObjects {
  configMap(name: string): ConfigMap | undefined;
  secret(name: string): Secret | undefined;
}

export interface EnvironmentContext extends FieldContext {
  readonly objects: ReferencedObjects;
  readonly services: readonly Service[];
  /** Text of the files that variables refer to, by `envFileKey`; a file that is not there has no entry. */
  readonly envFiles?: ReadonlyMap<string, string> | undefined;
}

/** A file of a volume. */
export type EnvFile = Pick<FileKeySelector, 'volumeName' | 'path'>;

export function envFileKey({ volumeName, path }: EnvFile): string {
  return `${volumeName}/${path}`;
}

/** What must be read before the environment can be made. */
export function envFilesOf(container: Container): EnvFile[] {
  return (container.env ?? []).flatMap(({ valueFrom }) =>
    valueFrom?.fileKeyRef === undefined ? [] : [valueFrom.fileKeyRef],
  );
}

/**
 * A container's variables: envFrom first, then env in order (a later one may use an earlier one by `$(NAME)`), then those
 * of services that nothing else has set.
 * @throws ContainerConfigError
 */
export function containerEnvironment(
  container: Container,
  context: EnvironmentContext,
): ReadonlyMap<string, string> {
  const fromServices = serviceEnvironment(context.pod, context.services);
  const variables = new Map<string, string>();
  for (const source of container.envFrom ?? [])
    for (const [key, value] of Object.entries(envFromData(source, context)))
      variables.set(`${source.prefix ?? ''}${key}`, value);
  const lookup = (name: string): string | undefined => variables.get(name) ?? fromServices.get(name);
  for (const variable of container.env ?? []) {
    const value = variableValue(variable, container, context, lookup);
    if (value !== undefined) variables.set(variable.name, value);
  }
  for (const [name, value] of fromServices) if (!variables.has(name)) variables.set(name, value);
  return variables;
}

function envFromData(
  source: NonNullable<Container['envFrom']>[number],
  { objects }: EnvironmentContext,
): Readonly<Record<string, string>> {
  if (source.configMapRef !== undefined) {
    const { name = '', optional } = source.configMapRef;
    const configMap = objects.configMap(name);
    if (configMap === undefined && optional !== true)
      throw new ContainerConfigError(`configmap "${name}" not found`);
    return configMap?.data ?? {};
  }
  if (source.secretRef !== undefined) {
    const { name = '', optional } = source.secretRef;
    const secret = objects.secret(name);
    if (secret === undefined && optional !== true)
      throw new ContainerConfigError(`secret "${name}" not found`);
    return Object.fromEntries(Object.entries(secret?.data ?? {}).map(([key, data]) => [key, decode(data)]));
  }
  return {};
}

function decode(base64: string): string {
  return Buffer.from(base64, 'base64').toString();
}

function variableValue(
  variable: EnvVar,
  container: Container,
  context: EnvironmentContext,
  lookup: (name: string) => string | undefined,
): string | undefined {
  if (variable.valueFrom === undefined) return expandVariables(variable.value ?? '', lookup);
  return referredValue(variable.valueFrom, container, context);
}

/** Undefined: optional and not there. */
function referredValue(
  source: EnvVarSource,
  container: Container,
  context: EnvironmentContext,
): string | undefined {
  if (source.fieldRef !== undefined) {
    const value = fieldValue(source.fieldRef.fieldPath, context);
    if (value === undefined)
      throw new ContainerConfigError(`unsupported fieldPath: ${source.fieldRef.fieldPath}`);
    return value;
  }
  if (source.resourceFieldRef !== undefined) {
    const value = resourceFieldValue(source.resourceFieldRef, container, context);
    if (value === undefined)
      throw new ContainerConfigError(`unsupported container resource : ${source.resourceFieldRef.resource}`);
    return value;
  }
  if (source.configMapKeyRef !== undefined) return configMapValue(source.configMapKeyRef, context);
  if (source.secretKeyRef !== undefined) return secretValue(source.secretKeyRef, context);
  if (source.fileKeyRef !== undefined) return fileValue(source.fileKeyRef, context);
  throw new ContainerConfigError('a variable has no source');
}

interface KeyReference {
  readonly name?: string | undefined;
  readonly key: string;
  readonly optional?: boolean | undefined;
}

function configMapValue(
  { name = '', key, optional }: KeyReference,
  context: EnvironmentContext,
): string | undefined {
  const configMap = context.objects.configMap(name);
  if (configMap === undefined && optional !== true)
    throw new ContainerConfigError(`configmap "${name}" not found`);
  const value = configMap?.data?.[key];
  if (value === undefined && optional !== true)
    throw new ContainerConfigError(
      `couldn't find key ${key} in ConfigMap ${namespaceOf(context.pod)}/${name}`,
    );
  return value;
}

function secretValue(
  { name = '', key, optional }: KeyReference,
  context: EnvironmentContext,
): string | undefined {
  const secret = context.objects.secret(name);
  if (secret === undefined && optional !== true) throw new ContainerConfigError(`secret "${name}" not found`);
  const value = secret?.data?.[key];
  if (value === undefined && optional !== true)
    throw new ContainerConfigError(`couldn't find key ${key} in Secret ${namespaceOf(context.pod)}/${name}`);
  return value === undefined ? undefined : decode(value);
}

function fileValue(reference: FileKeySelector, { envFiles }: EnvironmentContext): string | undefined {
  const { key, path, optional } = reference;
  const text = envFiles?.get(envFileKey(reference));
  if (text === undefined && optional !== true) throw new ContainerConfigError(`couldn't find file ${path}`);
  const value = text === undefined ? undefined : parsed(text, path).get(key);
  if (value === undefined && optional !== true)
    throw new ContainerConfigError(`environment variable key "${key}" not found in file "${path}"`);
  return value;
}

function parsed(text: string, path: string): ReadonlyMap<string, string> {
  try {
    return parseEnvFile(text);
  } catch (error) {
    throw new ContainerConfigError(`couldn't parse env file ${path}: ${messageOf(error)}`, { cause: error });
  }
}

function namespaceOf(pod: Pod): string {
  return pod.metadata.namespace ?? '';
}
