import type { Secret } from '../../api/generated/core-v1.ts';
import type { RegistryAuth } from '../runtime/runtime.ts';
import type { PodRun } from './pod-run.ts';

interface DockerConfig {
  readonly auths?: Readonly<Record<string, DockerAuth>>;
}

interface DockerAuth {
  readonly username?: string;
  readonly password?: string;
  readonly auth?: string;
}

/** Credentials from the pod's `imagePullSecrets` for the image's registry. */
export async function registryAuthFor(run: PodRun, image: string): Promise<RegistryAuth | undefined> {
  const names = (run.pod.spec.imagePullSecrets ?? []).flatMap(({ name }) =>
    name === undefined ? [] : [name],
  );
  if (names.length === 0) return undefined;
  const objects = await run.dependencies.objects.fetch(run.pod);
  for (const name of names) {
    const secret = objects.secret(name);
    const auth = secret === undefined ? undefined : authFromSecret(secret, registryOf(image));
    if (auth !== undefined) return auth;
  }
  return undefined;
}

/** The first part of a reference is a host when it looks like one; Docker Hub otherwise. */
export function registryOf(image: string): string {
  const first = image.split('/')[0] ?? '';
  const isHost = image.includes('/') && (first.includes('.') || first.includes(':') || first === 'localhost');
  return isHost ? first : 'docker.io';
}

export function authFromSecret(secret: Secret, registry: string): RegistryAuth | undefined {
  const modern = secret.data?.['.dockerconfigjson'];
  const legacy = secret.data?.['.dockercfg'];
  const auths =
    modern === undefined
      ? parse<Readonly<Record<string, DockerAuth>>>(legacy)
      : parse<DockerConfig>(modern)?.auths;
  const entry = Object.entries(auths ?? {}).find(([host]) => hostOf(host) === registry)?.[1];
  return entry === undefined ? undefined : toAuth(entry);
}

function parse<T>(base64: string | undefined): T | undefined {
  if (base64 === undefined) return undefined;
  try {
    const parsed: T = JSON.parse(Buffer.from(base64, 'base64').toString());
    return parsed;
  } catch (error) {
    // A secret that does not parse gives no credentials; the pull then says what the registry says.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function hostOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/')[0] ?? '';
  return host === 'index.docker.io' ? 'docker.io' : host;
}

function toAuth(entry: DockerAuth): RegistryAuth | undefined {
  if (entry.username !== undefined && entry.password !== undefined)
    return { username: entry.username, password: entry.password };
  const [username, ...rest] = Buffer.from(entry.auth ?? '', 'base64')
    .toString()
    .split(':');
  return username === undefined || username === '' ? undefined : { username, password: rest.join(':') };
}
