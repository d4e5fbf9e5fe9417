import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** A public key by which tokens are verified, and its name in their heads. */
export interface VerificationKey {
  readonly id: string;
  readonly algorithm: 'RS256' | 'ES256';
  readonly key: KeyObject;
}

/** A JSON Web Key, public part only. @see RFC 7517 */
export interface PublicJwk {
  readonly use: 'sig';
  readonly alg: string;
  readonly kid: string;
  readonly [parameter: string]: unknown;
}

const pemBlock = /-----BEGIN [A-Z ]+-----[\s\S]+?-----END [A-Z ]+-----/g;

/** All keys of PEM files, private ones by their public part; each once. */
export function readVerificationKeys(files: readonly Buffer[]): VerificationKey[] {
  const keys = files
    .flatMap((pem) => pem.toString().match(pemBlock) ?? [])
    .map((block) => toVerificationKey(createPublicKey(block)));
  return [...new Map(keys.map((key) => [key.id, key])).values()];
}

export function readSigningKey(pem: Buffer): { readonly key: KeyObject; readonly id: string } {
  const key = createPrivateKey(pem);
  return { key, id: toVerificationKey(createPublicKey(key)).id };
}

/** Named by the hash of the key, as Kubernetes names it. */
function toVerificationKey(key: KeyObject): VerificationKey {
  const id = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64url');
  return { id, algorithm: algorithmOf(key), key };
}

export const algorithmOf = (key: KeyObject): VerificationKey['algorithm'] =>
  key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256';

export function toJwk({ id, algorithm, key }: VerificationKey): PublicJwk {
  const { kty, ...parameters } = key.export({ format: 'jwk' });
  return { use: 'sig', kty, kid: id, alg: algorithm, ...parameters };
}
