import type { ObjectMeta } from '../../api/generated/meta-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';
import type { Reviewed, TokenAuthenticator } from './authenticator.ts';
import type { BoundObject, KubernetesClaims, TokenClaims, TokenVerifier } from './service-account-token.ts';

/** What is being deleted keeps its tokens for so long, as in Kubernetes. */
const deletionLeewayMs = 60_000;

/** Tokens of ServiceAccounts: good while the account, and what the token is bound to, exist. */
export class ServiceAccountAuthenticator implements TokenAuthenticator {
  readonly #verifier: TokenVerifier;
  readonly #cache: ReadCache;
  readonly #clock: Clock;
  /** The verifier gives the same claims for the same token. */
  readonly #users = new WeakMap<TokenClaims, UserInfo>();

  constructor(options: {
    readonly verifier: TokenVerifier;
    readonly cache: ReadCache;
    readonly clock: Clock;
  }) {
    this.#verifier = options.verifier;
    this.#cache = options.cache;
    this.#clock = options.clock;
  }

  async authenticate(token: string, audiences: readonly string[]): Promise<Reviewed | undefined> {
    const claims = this.#verifier.verify(token);
    if (claims === undefined) return undefined;
    const shared = claims.aud.filter((audience) => audiences.includes(audience));
    if (shared.length === 0 || !(await this.#isAlive(claims['kubernetes.io']))) return undefined;
    return { user: this.#userOf(claims), audiences: shared };
  }

  #userOf(claims: TokenClaims): UserInfo {
    const known = this.#users.get(claims);
    if (known !== undefined) return known;
    const { namespace, serviceaccount, pod, node } = claims['kubernetes.io'];
    const user: UserInfo = {
      name: claims.sub,
      uid: serviceaccount.uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      extra: {
        'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`],
        ...boundTo('node', node),
        ...boundTo('pod', pod),
      },
    };
    this.#users.set(claims, user);
    return user;
  }

  async #isAlive(claims: KubernetesClaims): Promise<boolean> {
    if (this.#exists(claims)) return true;
    // What has been made a moment ago may not have reached the cache.
    await this.#cache.waitCurrent();
    return this.#exists(claims);
  }

  #exists({ namespace, serviceaccount, pod, node, secret }: KubernetesClaims): boolean {
    const isSame = (resource: string, bound: BoundObject | undefined, home = namespace): boolean =>
      bound === undefined || this.#isLive(this.#cache.get(resource, home, bound.name), bound);
    return (
      isSame('/serviceaccounts', serviceaccount) &&
      isSame('/pods', pod) &&
      isSame('/secrets', secret) &&
      // The node of a pod's token is only told; the pod itself is what ends with it.
      (pod !== undefined || isSame('/nodes', node, ''))
    );
  }

  #isLive(found: CachedObject | undefined, bound: BoundObject): boolean {
    if (found === undefined || found.uid !== bound.uid) return false;
    if (!found.json.includes('"deletionTimestamp"')) return true;
    const { metadata } = JSON.parse(found.json.toString()) as { readonly metadata: ObjectMeta };
    const { deletionTimestamp } = metadata;
    return (
      deletionTimestamp === undefined ||
      Date.parse(deletionTimestamp) > this.#clock.nowMs() - deletionLeewayMs
    );
  }
}

function boundTo(kind: 'pod' | 'node', bound: BoundObject | undefined): Record<string, string[]> {
  if (bound === undefined) return {};
  const prefix = `authentication.kubernetes.io/${kind}`;
  return { [`${prefix}-name`]: [bound.name], [`${prefix}-uid`]: [bound.uid] };
}
