import { readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { messageOf } from '../base/invariant.ts';
import type { ClientConfig } from './client-config.ts';

/** A kubeconfig is missing, unreadable or names something it does not have. */
export class KubeconfigError extends Error {
  readonly code = 'KUBECONFIG';
}

export interface KubeconfigOverrides {
  readonly context?: string | undefined;
  readonly cluster?: string | undefined;
  readonly user?: string | undefined;
}

/** Paths in the order in which they are tried; the first that exists counts. */
export function kubeconfigCandidates(places: {
  readonly flag: string | undefined;
  readonly environment: string | undefined;
  /** Root of the clone, when the program runs from one. */
  readonly projectRoot: string | undefined;
  readonly home: string | undefined;
}): readonly string[] {
  if (places.flag !== undefined) return [places.flag];
  const fromEnvironment = (places.environment ?? '').split(':').filter((path) => path !== '');
  if (fromEnvironment.length > 0) return fromEnvironment;
  return [
    ...(places.projectRoot === undefined ? [] : [join(places.projectRoot, '.cluster/kubeconfig')]),
    ...(places.home === undefined ? [] : [join(places.home, '.kube/config')]),
  ];
}

/** Reads a kubeconfig in JSON or YAML. Relative paths in it are relative to it. @throws KubeconfigError */
export async function loadKubeconfig(
  path: string,
  overrides: KubeconfigOverrides = {},
): Promise<ClientConfig> {
  const file = await parseKubeconfig(path, await readText(path));
  const contextName = overrides.context ?? file['current-context'] ?? '';
  const context = find(file.contexts, contextName)?.context;
  if (context === undefined && contextName !== '')
    throw new KubeconfigError(`${path}: context "${contextName}" does not exist`);
  const clusterName = overrides.cluster ?? context?.cluster ?? '';
  const cluster = find(file.clusters, clusterName)?.cluster;
  if (cluster?.server === undefined)
    throw new KubeconfigError(`${path}: cluster "${clusterName}" does not exist or has no server`);
  const userName = overrides.user ?? context?.user ?? '';
  const user = find(file.users, userName)?.user ?? {};
  // Certificate and key may lie in one file, which may be replaced at any time: it is read once.
  const texts = new Map<string, Promise<string>>();
  const read = (file: string): Promise<string> => {
    const text = texts.get(file) ?? readText(file);
    texts.set(file, text);
    return text;
  };
  const pem = async (
    entry: Readonly<Record<string, unknown>>,
    field: string,
  ): Promise<string | undefined> => {
    const inline = entry[`${field}-data`];
    if (typeof inline === 'string') return Buffer.from(inline, 'base64').toString();
    const file = entry[field];
    return typeof file === 'string' ? read(resolve(dirname(path), file)) : undefined;
  };
  return {
    server: cluster.server.replace(/\/+$/, ''),
    ca: await pem(cluster, 'certificate-authority'),
    cert: await pem(user, 'client-certificate'),
    key: await pem(user, 'client-key'),
    token: user.token ?? (await readToken(path, user.tokenFile)),
    tlsServerName: cluster['tls-server-name'],
    insecureSkipTlsVerify: cluster['insecure-skip-tls-verify'],
    namespace: context?.namespace,
  };
}

interface Cluster extends Record<string, unknown> {
  readonly server?: string;
  readonly 'tls-server-name'?: string;
  readonly 'insecure-skip-tls-verify'?: boolean;
}

interface User extends Record<string, unknown> {
  readonly token?: string;
  readonly tokenFile?: string;
}

interface Context {
  readonly cluster?: string;
  readonly user?: string;
  readonly namespace?: string;
}

interface KubeconfigFile {
  readonly 'current-context'?: string;
  readonly clusters?: readonly { readonly name: string; readonly cluster?: Cluster }[];
  readonly users?: readonly { readonly name: string; readonly user?: User }[];
  readonly contexts?: readonly { readonly name: string; readonly context?: Context }[];
}

async function parseKubeconfig(path: string, text: string): Promise<KubeconfigFile> {
  try {
    // The files that `deploy/up` writes are JSON: the YAML parser, a tenth of a program's start, stays unloaded.
    if (text.startsWith('{')) return JSON.parse(text) as KubeconfigFile;
    const { parse } = await import('yaml');
    const file: KubeconfigFile | null = parse(text);
    return file ?? {};
  } catch (error) {
    throw new KubeconfigError(`${path}: ${messageOf(error)}`, { cause: error });
  }
}

const find = <E extends { readonly name: string }>(
  entries: readonly E[] | undefined,
  name: string,
): E | undefined => entries?.find((entry) => entry.name === name);

async function readToken(path: string, file: string | undefined): Promise<string | undefined> {
  return file === undefined ? undefined : (await readText(resolve(dirname(path), file))).trim();
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    throw new KubeconfigError(`read ${path}: ${messageOf(error)}`, { cause: error });
  }
}
