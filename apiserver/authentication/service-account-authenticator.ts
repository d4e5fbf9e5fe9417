import type { UserInfo } from '../registry/strategy.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { TokenAuthenticator } from './authenticator.ts';
import type { KubernetesClaims, TokenVerifier } from './service-account-token.ts';

/** Tokens of ServiceAccounts: good while the account, and what the token is bound to, exist. */
export class ServiceAccountAuthenticator implements TokenAuthenticator {
  readonly #verifier: TokenVerifier;
  readonly #cache: ReadCache;
  readonly #audience: string;

  constructor(options: {
    readonly verifier: TokenVerifier;
    readonly cache: ReadCache;
    readonly audience: string;
  }) {
    this.#verifier = options.verifier;
    this.#cache = options.cache;
    this.#audience = options.audience;
  }

  async authenticate(token: string): Promise<UserInfo | undefined> {
    return this.review(token, [this.#audience]);
  }

  /** Whom a token belongs to, when it is meant for one of `audiences`. */
  async review(token: string, audiences: readonly string[]): Promise<UserInfo | undefined> {
    const claims = this.#verifier.verify(token);
    if (claims === undefined || !claims.aud.some((audience) => audiences.includes(audience)))
      return undefined;
    const own = claims['kubernetes.io'];
    if (!(await this.#isAlive(own))) return undefined;
    const { namespace, serviceaccount, pod, node } = own;
    return {
      name: claims.sub,
      uid: serviceaccount.uid,
      groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`],
      extra: {
        'authentication.kubernetes.io/credential-id': [`JTI=${claims.jti}`],
        ...(node === undefined
          ? {}
          : {
              'authentication.kubernetes.io/node-name': [node.name],
              'authentication.kubernetes.io/node-uid': [node.uid],
            }),
        ...(pod === undefined
          ? {}
          : {
              'authentication.kubernetes.io/pod-name': [pod.name],
              'authentication.kubernetes.io/pod-uid': [pod.uid],
            }),
      },
    };
  }

  async #isAlive(claims: KubernetesClaims): Promise<boolean> {
    if (this.#exists(claims)) return true;
    // What has been made a moment ago may not have reached the cache.
    await this.#cache.waitCurrent();
    return this.#exists(claims);
  }

  #exists({ namespace, serviceaccount, pod, secret }: KubernetesClaims): boolean {
    const isSame = (resource: string, bound: { readonly name: string; readonly uid: string }): boolean =>
      this.#cache.get(resource, namespace, bound.name)?.uid === bound.uid;
    return (
      isSame('/serviceaccounts', serviceaccount) &&
      (pod === undefined || isSame('/pods', pod)) &&
      (secret === undefined || isSame('/secrets', secret))
    );
  }
}
