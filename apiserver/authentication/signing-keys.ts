import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

/** A public key by which tokens are verified, and its name in their heads. */
export interface VerificationKey {
  readonly id: string;
  readonly algorithm: Algorithm;
  readonly key: KeyObject;
}

/** @see RFC 7518 section 3.1 */
export type Algorithm = 'RS256' | 'ES256' | 'ES384' | 'ES512';

/** What is hashed with for a signature. */
export const digestOf = (algorithm: Algorithm): string => `sha${algorithm.slice(-3)}`;

const curves: Readonly<Record<string, Algorithm>> = {
  prime256v1: 'ES256',
  secp384r1: 'ES384',
  secp521r1: 'ES512',
};

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

/** @throws TypeError for a key of another kind, when the server starts */
export function algorithmOf({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): Algorithm {
  if (asymmetricKeyType === 'rsa') return 'RS256';
  const algorithm = curves[asymmetricKeyDetails?.namedCurve ?? ''];
  if (algorithm !== undefined) return algorithm;
  throw new TypeError(
    `a key for ServiceAccount tokens is RSA, or EC on P-256, P-384 or P-521, not ${asymmetricKeyDetails?.namedCurve ?? asymmetricKeyType}`,
  );
}

export function toJwk({ id, algorithm, key }: VerificationKey): PublicJwk {
  const { kty, ...parameters } = key.export({ format: 'jwk' });
  return { use: 'sig', kty, kid: id, alg: algorithm, ...parameters };
}
