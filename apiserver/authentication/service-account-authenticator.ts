import type { ObjectMeta } from '../../api/generated/meta-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';
import type { Rejected, Reviewed, TokenAuthenticator } from './authenticator.ts';
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

  async authenticate(token: string, audiences: readonly string[]): Promise<Reviewed | Rejected | undefined> {
    const claims = this.#verifier.verify(token);
    if (claims === undefined) return undefined;
    const shared = claims.aud.filter((audience) => audiences.includes(audience));
    if (shared.length === 0)
      return {
        problem: `token audiences ${listed(claims.aud)} is invalid for the target audiences ${listed(audiences)}`,
      };
    const problem = this.#verifier.timeProblem(claims) ?? (await this.#endedWith(claims['kubernetes.io']));
    return problem === undefined ? { user: this.#userOf(claims), audiences: shared } : { problem };
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

  /** What the token was bound to and is no more, in Kubernetes' words. */
  async #endedWith(claims: KubernetesClaims): Promise<string | undefined> {
    if (this.#problemOf(claims) === undefined) return undefined;
    // What has been made a moment ago may not have reached the cache.
    await this.#cache.waitCurrent();
    return this.#problemOf(claims);
  }

  #problemOf({ namespace, serviceaccount, pod, node, secret }: KubernetesClaims): string | undefined {
    const found = (resource: string, { name }: BoundObject, home = namespace): CachedObject | undefined =>
      this.#cache.get(resource, home, name);
    const account = found('/serviceaccounts', serviceaccount);
    const called = `${namespace}/${serviceaccount.name}`;
    if (account === undefined) return `serviceaccounts ${JSON.stringify(serviceaccount.name)} not found`;
    if (account.uid !== serviceaccount.uid)
      return `service account UID (${account.uid}) does not match claim (${serviceaccount.uid})`;
    if (!this.#isLive(account)) return `service account ${called} has been deleted`;
    const problem = (kind: string, bound: BoundObject, now: CachedObject | undefined): string | undefined => {
      if (now === undefined) return 'service account token has been invalidated';
      if (now.uid !== bound.uid)
        return `${kind} UID (${now.uid}) does not match service account ${kind} ref claim (${bound.uid})`;
      return this.#isLive(now) ? undefined : 'service account token has been invalidated';
    };
    if (secret !== undefined) return problem('secret', secret, found('/secrets', secret));
    if (pod !== undefined) return problem('pod', pod, found('/pods', pod));
    // The node of a pod's token is only told; the pod itself is what ends with it.
    return node === undefined ? undefined : problem('node', node, found('/nodes', node, ''));
  }

  #isLive(found: CachedObject): boolean {
    if (!found.json.includes('"deletionTimestamp"')) return true;
    const { metadata } = JSON.parse(found.json.toString()) as { readonly metadata: ObjectMeta };
    const { deletionTimestamp } = metadata;
    return (
      deletionTimestamp === undefined ||
      Date.parse(deletionTimestamp) > this.#clock.nowMs() - deletionLeewayMs
    );
  }
}

const listed = (names: readonly string[]): string =>
  `[${names.map((name) => JSON.stringify(name)).join(' ')}]`;

function boundTo(kind: 'pod' | 'node', bound: BoundObject | undefined): Record<string, string[]> {
  if (bound === undefined) return {};
  const prefix = `authentication.kubernetes.io/${kind}`;
  return { [`${prefix}-name`]: [bound.name], [`${prefix}-uid`]: [bound.uid] };
}
