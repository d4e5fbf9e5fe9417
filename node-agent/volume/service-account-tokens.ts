import type { Pod } from '../../api/generated/core-v1.ts';
import { serviceaccounts } from '../../api/generated/resources.ts';
import { isNotFound } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { ApiClient } from '../../client/client.ts';
import { VolumeError } from './volume-files.ts';

const defaultExpirationSeconds = 3_607;
/** A token is replaced when this much of its life is over. */
const renewAfterShare = 0.8;

export interface TokenWish {
  readonly pod: Pod;
  readonly audience: string | undefined;
  readonly expirationSeconds: number | undefined;
}

interface Token {
  readonly token: string;
  readonly renewAtMs: number;
}

/** Tokens bound to pods, asked of the API and kept until most of their life is over. */
export class ServiceAccountTokens {
  readonly #client: Pick<ApiClient, 'createSubresource'>;
  readonly #clock: Clock;
  readonly #tokens = new Map<string, Map<string, Token>>();

  constructor(client: Pick<ApiClient, 'createSubresource'>, clock: Clock) {
    this.#client = client;
    this.#clock = clock;
  }

  /** @throws VolumeError when the API gives none. */
  async get(wish: TokenWish): Promise<Token> {
    const { uid } = wish.pod.metadata;
    const ofPod = this.#tokens.get(uid) ?? new Map<string, Token>();
    this.#tokens.set(uid, ofPod);
    const key = `${wish.audience ?? ''} ${wish.expirationSeconds ?? ''}`;
    const known = ofPod.get(key);
    if (known !== undefined && known.renewAtMs > this.#clock.nowMs()) return known;
    const fresh = await this.#request(wish);
    ofPod.set(key, fresh);
    return fresh;
  }

  forget(podUid: string): void {
    this.#tokens.delete(podUid);
  }

  async #request({ pod, audience, expirationSeconds = defaultExpirationSeconds }: TokenWish): Promise<Token> {
    const { namespace, name, uid } = pod.metadata;
    const account = pod.spec.serviceAccountName ?? 'default';
    const body = {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: {
        audiences: audience === undefined || audience === '' ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { apiVersion: 'v1', kind: 'Pod', name, uid },
      },
    };
    const nowMs = this.#clock.nowMs();
    try {
      const answer = await this.#client.createSubresource(
        serviceaccounts,
        { namespace, name: account },
        'token',
        body,
      );
      return { token: tokenOf(answer), renewAtMs: nowMs + expirationSeconds * 1000 * renewAfterShare };
    } catch (error) {
      const why = isNotFound(error)
        ? `serviceaccount "${account}" not found or tokens are not served`
        : messageOf(error);
      throw new VolumeError(`failed to fetch token: ${why}`, { cause: error });
    }
  }
}

function tokenOf(answer: unknown): string {
  const status: unknown =
    typeof answer === 'object' && answer !== null ? Reflect.get(answer, 'status') : undefined;
  const token: unknown =
    typeof status === 'object' && status !== null ? Reflect.get(status, 'token') : undefined;
  if (typeof token !== 'string') throw new VolumeError('failed to fetch token: the answer has none');
  return token;
}
