import { StatusError } from '../../api/status-error.ts';
import type { UserInfo } from '../registry/strategy.ts';

/** What a request shows of its sender. */
export interface Credentials {
  /** From a client certificate that the client CA has signed. */
  readonly certificate: CertificateSubject | undefined;
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
}

export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
}

/** Tells who a bearer token belongs to; undefined when it is not of its kind. */
export interface TokenAuthenticator {
  authenticate(token: string): Promise<UserInfo | undefined>;
}

export const authenticatedGroup = 'system:authenticated';
export const mastersGroup = 'system:masters';

export const anonymous: UserInfo = {
  name: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
};

/** What everybody may ask without saying who they are. */
const openPaths = /^\/(healthz|livez|readyz)(\/|$)|^\/version\/?$/;

export class Authenticator {
  readonly #tokens: readonly TokenAuthenticator[];
  readonly #anonymousEverywhere: boolean;
  /** The same few certificates speak all the time. */
  readonly #users = new WeakMap<CertificateSubject, UserInfo>();

  constructor(options: {
    readonly tokens: readonly TokenAuthenticator[];
    readonly anonymousEverywhere: boolean;
  }) {
    this.#tokens = options.tokens;
    this.#anonymousEverywhere = options.anonymousEverywhere;
  }

  /** @throws StatusError 401 */
  async authenticate(credentials: Credentials, path: string): Promise<UserInfo> {
    if (credentials.certificate !== undefined) return this.#userOf(credentials.certificate);
    const token = bearerToken(credentials.authorization);
    if (token !== undefined) return this.#byToken(token);
    if (credentials.authorization !== undefined) throw unauthorized();
    if (this.#anonymousEverywhere || openPaths.test(path)) return anonymous;
    throw unauthorized();
  }

  #userOf(subject: CertificateSubject): UserInfo {
    const known = this.#users.get(subject);
    if (known !== undefined) return known;
    const user: UserInfo = {
      name: subject.commonName,
      uid: '',
      groups: [...subject.organizations, authenticatedGroup],
      extra: {},
    };
    this.#users.set(subject, user);
    return user;
  }

  async #byToken(token: string): Promise<UserInfo> {
    for (const authenticator of this.#tokens) {
      const user = await authenticator.authenticate(token);
      if (user !== undefined) return { ...user, groups: [...user.groups, authenticatedGroup] };
    }
    throw unauthorized();
  }
}

function bearerToken(header: string | undefined): string | undefined {
  const found = header === undefined ? undefined : /^Bearer\s+(\S+)\s*$/i.exec(header);
  return found?.[1];
}

export function unauthorized(): StatusError {
  return new StatusError({ reason: 'Unauthorized', code: 401, message: 'Unauthorized' });
}
