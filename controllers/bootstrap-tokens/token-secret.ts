import type { Secret } from '../../api/generated/core-v1.ts';
import { secrets } from '../../api/generated/resources.ts';
import type { BootstrapToken } from '../../client/cluster-info.ts';
import { Informer } from '../../client/informer.ts';
import type { ControllerContext } from '../context.ts';

export const tokenNamespace = 'kube-system';
export const tokenSecretType = 'bootstrap.kubernetes.io/token';
const secretPrefix = 'bootstrap-token-';

/** The Secrets that are bootstrap tokens: few. */
export function followTokens({ client, clock, random, logger }: ControllerContext): Informer<Secret> {
  const selection = { namespace: tokenNamespace, fieldSelector: `type=${tokenSecretType}` };
  return new Informer({ client, clock, random, logger, type: secrets, selection });
}

const textAt = ({ data = {} }: Secret, key: string): string =>
  Buffer.from(data[key] ?? '', 'base64').toString();

/** Pure: when a token ends, in ms since the epoch; Infinity: never. One whose end cannot be read has ended, as everywhere in Kubernetes. */
export function endOfToken(secret: Secret): number {
  const expiration = textAt(secret, 'expiration');
  if (expiration === '') return Number.POSITIVE_INFINITY;
  return Date.parse(expiration) || 0;
}

/** Pure: the token to sign with; undefined when the Secret is none, is not meant for it, or has ended. */
export function signingTokenOf(secret: Secret, nowMs: number): BootstrapToken | undefined {
  const [id, tokenSecret] = [textAt(secret, 'token-id'), textAt(secret, 'token-secret')];
  const isNamedSo = secret.metadata.name === `${secretPrefix}${id}`;
  if (secret.type !== tokenSecretType || !isNamedSo || id === '' || tokenSecret === '') return undefined;
  if (secret.metadata.deletionTimestamp !== undefined || endOfToken(secret) <= nowMs) return undefined;
  return textAt(secret, 'usage-bootstrap-signing') === 'true' ? { id, secret: tokenSecret } : undefined;
}
