import { hash, type KeyObject, randomUUID, sign as signBytes, verify as verifyBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '../../base/clock.ts';
import {
  type Algorithm,
  algorithmOf,
  digestOf,
  readSigningKey,
  type VerificationKey,
} from './signing-keys.ts';

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

const signAside = promisify(signBytes);

/** JSON Web Tokens of ServiceAccounts, signed with RS256, or ES256 and its like, as the key is. */
export class TokenSigner {
  readonly #key: KeyObject;
  readonly #algorithm: Algorithm;
  readonly #keyId: string;
  readonly #issuer: string;
  readonly #clock: Clock;
  /** For whom a token is that names nobody: this server. */
  readonly audiences: readonly string[];
  /** Nobody's token is good for longer. */
  readonly maxExpirationSeconds: number;

  constructor(options: {
    readonly keyPem: Buffer;
    readonly issuer: string;
    readonly audiences: readonly string[];
    readonly maxExpirationSeconds?: number | undefined;
    readonly clock: Clock;
  }) {
    this.maxExpirationSeconds = options.maxExpirationSeconds ?? Number.POSITIVE_INFINITY;
    const { key, id } = readSigningKey(options.keyPem);
    this.#key = key;
    this.#algorithm = algorithmOf(key);
    this.#keyId = id;
    this.#issuer = options.issuer;
    this.audiences = options.audiences;
    this.#clock = options.clock;
  }

  /** The token and when it ends, in milliseconds since the epoch. */
  async issue(request: TokenRequest): Promise<{ readonly token: string; readonly expiresMs: number }> {
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
    const head = { alg: this.#algorithm, kid: this.#keyId };
    const text = `${encode(head)}.${encode(claims)}`;
    const signature = await this.#sign(Buffer.from(text));
    return { token: `${text}.${signature.toString('base64url')}`, expiresMs: claims.exp * 1000 };
  }

  /** RSA takes 0.3 ms, and does so beside the event loop; a quarter of it on a curve is not worth the way there and back. */
  #sign(text: Buffer): Promise<Buffer> | Buffer {
    const key = { key: this.#key, dsaEncoding: 'ieee-p1363' } as const;
    const digest = digestOf(this.#algorithm);
    return this.#algorithm === 'RS256' ? signAside(digest, text, key) : signBytes(digest, text, key);
  }
}

/** So far servers' clocks may differ. */
const clockLeewaySeconds = 60;

/** Verified tokens that are remembered, so that the same ones are not verified again with each request. */
const rememberedTokens = 10_000;

/**
 * Tells whether a token is one of ours and still good. A signature takes a hundred times longer to check than all else, so the claims of
 * good tokens are kept by the hash of the token; what may change (time, what the token is bound to) is asked every time.
 */
export class TokenVerifier {
  readonly #keys: ReadonlyMap<string, VerificationKey>;
  readonly #issuers: readonly string[];
  readonly #clock: Clock;
  readonly #verified = new Map<string, TokenClaims>();

  constructor(options: {
    readonly keys: readonly VerificationKey[];
    readonly issuers: readonly string[];
    readonly clock: Clock;
  }) {
    this.#keys = new Map(options.keys.map((key) => [key.id, key]));
    this.#issuers = options.issuers;
    this.#clock = options.clock;
  }

  /**
   * The claims of a token that we have signed, the same object each time; undefined for a token of somebody else. Whether it is its time is another question:
   * `timeProblem`.
   */
  verify(token: string): TokenClaims | undefined {
    const id = hash('sha256', token, 'base64');
    const claims = this.#verified.get(id) ?? this.#verifySigned(token);
    if (claims === undefined) return undefined;
    this.#remember(id, this.timeProblem(claims) === undefined ? claims : undefined);
    return claims;
  }

  /** In Kubernetes' words. */
  timeProblem({ exp, nbf }: TokenClaims): string | undefined {
    const now = this.#clock.nowMs() / 1000;
    if (exp <= now) return 'service account token has expired';
    return nbf > now + clockLeewaySeconds ? 'service account token is not valid yet' : undefined;
  }

  /** The last used are the last to be forgotten. */
  #remember(id: string, claims: TokenClaims | undefined): void {
    this.#verified.delete(id);
    if (claims !== undefined) this.#verified.set(id, claims);
    const [oldest] = this.#verified.size > rememberedTokens ? this.#verified.keys() : [];
    if (oldest !== undefined) this.#verified.delete(oldest);
  }

  #verifySigned(token: string): TokenClaims | undefined {
    const [head = '', body = '', signature = '', ...rest] = token.split('.');
    if (rest.length > 0 || signature === '') return undefined;
    const named = readPart(head);
    const keys = this.#keysFor(named?.['kid']).filter(({ algorithm }) => algorithm === named?.['alg']);
    const isSigned = keys.some(({ key, algorithm }) =>
      verifyBytes(
        digestOf(algorithm),
        Buffer.from(`${head}.${body}`),
        { key, dsaEncoding: 'ieee-p1363' },
        Buffer.from(signature, 'base64url'),
      ),
    );
    if (!isSigned) return undefined;
    const claims = readPart(body);
    return claims !== undefined && isTokenClaims(claims) && this.#issuers.includes(claims.iss)
      ? claims
      : undefined;
  }

  /** A token that names no key may be any key's. */
  #keysFor(id: unknown): VerificationKey[] {
    if (id === undefined) return [...this.#keys.values()];
    const key = typeof id === 'string' ? this.#keys.get(id) : undefined;
    return key === undefined ? [] : [key];
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
