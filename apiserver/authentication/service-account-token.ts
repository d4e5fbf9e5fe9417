import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomUUID,
  sign as signBytes,
  verify as verifyBytes,
} from 'node:crypto';
import type { Clock } from '../../base/clock.ts';

/** Something that a token is bound to and dies with. */
export interface BoundObject {
  readonly name: string;
  readonly uid: string;
}

/** @see https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims */
export interface KubernetesClaims {
  readonly namespace: string;
  readonly serviceaccount: BoundObject;
  readonly pod?: BoundObject;
  readonly node?: BoundObject;
  readonly secret?: BoundObject;
}

/** Times in seconds since the epoch. */
export interface TokenClaims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly string[];
  readonly exp: number;
  readonly iat: number;
  readonly nbf: number;
  readonly jti: string;
  readonly 'kubernetes.io': KubernetesClaims;
}

export interface TokenRequest {
  readonly audiences: readonly string[];
  readonly expirationSeconds: number;
  readonly claims: KubernetesClaims;
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** JSON Web Tokens of ServiceAccounts, signed with ES256 or RS256 as the key is. */
export class TokenSigner {
  readonly #key: KeyObject;
  readonly #keyId: string;
  readonly #issuer: string;
  readonly #clock: Clock;

  constructor(options: { readonly keyPem: Buffer; readonly issuer: string; readonly clock: Clock }) {
    this.#key = createPrivateKey(options.keyPem);
    const publicKey = createPublicKey(this.#key).export({ type: 'spki', format: 'der' });
    this.#keyId = createHash('sha256').update(publicKey).digest('base64url');
    this.#issuer = options.issuer;
    this.#clock = options.clock;
  }

  get issuer(): string {
    return this.#issuer;
  }

  /** The token and when it ends, in milliseconds since the epoch. */
  issue(request: TokenRequest): { readonly token: string; readonly expiresMs: number } {
    const now = Math.floor(this.#clock.nowMs() / 1000);
    const { namespace, serviceaccount } = request.claims;
    const claims: TokenClaims = {
      aud: request.audiences,
      exp: now + request.expirationSeconds,
      iat: now,
      iss: this.#issuer,
      jti: randomUUID(),
      'kubernetes.io': request.claims,
      nbf: now,
      sub: `system:serviceaccount:${namespace}:${serviceaccount.name}`,
    };
    const head = { alg: algorithmOf(this.#key), kid: this.#keyId };
    const text = `${encode(head)}.${encode(claims)}`;
    const signature = signBytes('sha256', Buffer.from(text), {
      key: this.#key,
      dsaEncoding: 'ieee-p1363',
    });
    return { token: `${text}.${signature.toString('base64url')}`, expiresMs: claims.exp * 1000 };
  }
}

const algorithmOf = (key: KeyObject): string => (key.asymmetricKeyType === 'rsa' ? 'RS256' : 'ES256');

export class TokenVerifier {
  readonly #key: KeyObject;
  readonly #issuer: string;
  readonly #clock: Clock;

  constructor(options: { readonly keyPem: Buffer; readonly issuer: string; readonly clock: Clock }) {
    this.#key = createPublicKey(options.keyPem);
    this.#issuer = options.issuer;
    this.#clock = options.clock;
  }

  /** The claims of a token that we have signed and that has not ended; undefined for any other. */
  verify(token: string): TokenClaims | undefined {
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    if (rest.length > 0 || signature === '') return undefined;
    if (readPart(head)?.['alg'] !== algorithmOf(this.#key)) return undefined;
    const valid = verifyBytes(
      'sha256',
      Buffer.from(`${head}.${body}`),
      { key: this.#key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(signature, 'base64url'),
    );
    if (!valid) return undefined;
    const claims = readPart(body);
    if (claims === undefined || !isTokenClaims(claims) || claims.iss !== this.#issuer) return undefined;
    const now = this.#clock.nowMs() / 1000;
    return claims.exp > now && claims.nbf <= now + 60 ? claims : undefined;
  }
}

function readPart(part: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString());
    return typeof value === 'object' && value !== null ? { ...value } : undefined;
  } catch {
    // Not a token of ours, which is what the caller wants to know.
    return undefined;
  }
}

/** What we have signed has this shape; the check is for the compiler's sake and for old keys' tokens. */
function isTokenClaims(value: object): value is TokenClaims {
  return 'iss' in value && 'sub' in value && 'aud' in value && 'exp' in value && 'kubernetes.io' in value;
}
