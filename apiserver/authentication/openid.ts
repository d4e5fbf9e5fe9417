import type { Answer } from '../http/answer.ts';
import { toJwk, type VerificationKey } from './signing-keys.ts';

export const jwksPath = '/openid/v1/jwks';
const configurationPath = '/.well-known/openid-configuration';
/** How long others may keep the documents. */
const cacheControl = 'public, max-age=3600';

/**
 * What lets others verify ServiceAccount tokens: who issues them, and by which keys. Served only for an issuer that is an https URL.
 * @see https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#service-account-issuer-discovery
 */
export class OpenIdDocuments {
  readonly #answers: ReadonlyMap<string, Answer>;

  constructor(options: {
    readonly issuer: string;
    /** Where the keys can be fetched. */
    readonly jwksUri: string;
    readonly keys: readonly VerificationKey[];
  }) {
    const { issuer, jwksUri, keys } = options;
    const configuration = {
      issuer,
      jwks_uri: jwksUri,
      response_types_supported: ['id_token'],
      subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: [...new Set(keys.map(({ algorithm }) => algorithm))].sort(),
    };
    this.#answers = new Map([
      [configurationPath, answerOf(configuration, 'application/json')],
      [jwksPath, answerOf({ keys: keys.map(toJwk) }, 'application/jwk-set+json')],
    ]);
  }

  /** Undefined for another path. */
  answer(path: string): Answer | undefined {
    return this.#answers.get(path.endsWith('/') ? path.slice(0, -1) : path);
  }
}

const answerOf = (document: object, contentType: string): Answer => ({
  status: 200,
  contentType,
  body: JSON.stringify(document),
  headers: { 'cache-control': cacheControl },
});
