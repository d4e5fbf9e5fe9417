/** Bootstrap tokens, and the line by which a machine joins. @see https://kubernetes.io/docs/reference/access-authn-authz/bootstrap-tokens/ */
import { randomInt } from 'node:crypto';
import { secrets } from '../api/generated/resources.ts';
import { isNotFound } from '../api/status-error.ts';
import { toTime } from '../base/clock.ts';
import {
  clusterInfoKey,
  clusterInfoName,
  clusterInfoNamespace,
  parseBootstrapToken,
  parseClusterInfo,
  publicKeyHash,
} from '../client/cluster-info.ts';
import { usageError } from './cli-error.ts';
import type { FlagSpec } from './flags.ts';
import type { Session } from './session.ts';

export const tokenNamespace = 'kube-system';
export const tokenSecretType = 'bootstrap.kubernetes.io/token';
export const tokenSecretPrefix = 'bootstrap-token-';
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

export const ttlFlag: FlagSpec = {
  name: 'ttl',
  kind: 'text',
  fallback: '24h',
  help: 'How long a new token lasts; 0: for ever',
};

/** The group whose members may join. */
export const joiningGroup = 'system:bootstrappers:kubeadm:default-node-token';

export interface NewToken {
  readonly token: string;
  /** 0: for ever. */
  readonly ttlMs: number;
  readonly usages: readonly string[];
  /** With commas. */
  readonly groups: string;
  readonly description: string | undefined;
}

const randomText = (length: number): string =>
  Array.from({ length }, () => alphabet[randomInt(alphabet.length)]).join('');

export const randomToken = (): string => `${randomText(6)}.${randomText(16)}`;

/** @throws CliError when the token is none */
export async function createToken(session: Session, options: NewToken): Promise<void> {
  const { token, ttlMs, usages, groups, description } = options;
  const parsed = parseBootstrapToken(token);
  if (parsed === undefined)
    throw usageError(
      `the bootstrap token ${JSON.stringify(token)} was not of the form "[a-z0-9]{6}.[a-z0-9]{16}"`,
    );
  const stringData = {
    'token-id': parsed.id,
    'token-secret': parsed.secret,
    ...(ttlMs > 0 ? { expiration: toTime(session.clock.nowMs() + ttlMs) } : {}),
    ...Object.fromEntries(usages.map((usage) => [`usage-bootstrap-${usage}`, 'true'])),
    ...(description === undefined ? {} : { description }),
    'auth-extra-groups': groups,
  };
  const kind = await (await session.kinds()).byName(secrets.plural);
  const metadata = { name: `${tokenSecretPrefix}${parsed.id}`, namespace: tokenNamespace };
  const body = { apiVersion: 'v1', kind: 'Secret', metadata, type: tokenSecretType, stringData };
  await (await session.api()).create({ kind, namespace: tokenNamespace }, body);
}

/** One line to run on another machine. @throws CliError when the cluster publishes nothing to join by */
export async function joinLine(session: Session, token: string): Promise<string> {
  const path = `/api/v1/namespaces/${clusterInfoNamespace}/configmaps/${clusterInfoName}`;
  const { server, caPem } = await parseClusterInfo(await publishedText(session, path));
  return `deploy/host join ${new URL(server).host} --token ${token} --ca-cert-hash ${publicKeyHash(caPem)}`;
}

async function publishedText(session: Session, path: string): Promise<string> {
  try {
    const { data }: { data?: Record<string, string> } = Object(await (await session.api()).send('GET', path));
    const text = data?.[clusterInfoKey];
    if (text !== undefined) return text;
  } catch (error) {
    if (!isNotFound(error)) throw error;
  }
  throw usageError(
    `the cluster has no ConfigMap ${clusterInfoNamespace}/${clusterInfoName} with a kubeconfig: nothing can join it`,
  );
}
