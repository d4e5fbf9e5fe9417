import type { X509Certificate } from 'node:crypto';
import { StatusError } from '../../api/status-error.ts';
import type { Clock } from '../../base/clock.ts';
import type { UserInfo } from '../registry/strategy.ts';
import type { FrontProxy } from './front-proxy.ts';
import type { RequestHeaders } from './header-values.ts';

/** What a request shows of its sender: a proxy says in headers whom it speaks for. */
export interface Credentials extends RequestHeaders {
  /** From a client certificate, whoever has signed it. */
  readonly certificate: CertificateSubject | undefined;
  /** The `Authorization` header. */
  readonly authorization: string | undefined;
}

export interface CertificateSubject {
  readonly commonName: string;
  readonly organizations: readonly string[];
  /** Whether an authority of ours has signed it, and it was its time when the connection was made. */
  readonly isVerified: boolean;
  /** When it ends, which the connection may outlive. */
  readonly endMs: number;
  /** SHA-256 of the certificate, in hexadecimal digits. */
  readonly fingerprint: string;
  /** The certificate first, then each one's issuer as far as they are known. */
  chain(): readonly X509Certificate[];
}

/** Whose a token is, and for whom of those that were asked for it is meant. */
export interface Reviewed {
  readonly user: UserInfo;
  readonly audiences: readonly string[];
}

/** A token that is of a kind that is known and no good. */
export interface Rejected {
  /** For whoever asks in a TokenReview; says nothing that who holds the token does not know. */
  readonly problem: string;
}

/** Tells who a bearer token belongs to; undefined when it is not of its kind. */
export interface TokenAuthenticator {
  authenticate(token: string, audiences: readonly string[]): Promise<Reviewed | Rejected | undefined>;
}

export const authenticatedGroup = 'system:authenticated';
export const mastersGroup = 'system:masters';

export const anonymous: UserInfo = {
  name: 'system:anonymous',
  uid: '',
  groups: ['system:unauthenticated'],
  extra: {},
};

/** What everybody may ask without saying who they are: `cluster-info` is read by machines that join. What is allowed there, RBAC says. */
const openPaths =
  /^\/(healthz|livez|readyz)(\/|$)|^\/version\/?$|^\/api\/v1\/namespaces\/kube-public\/configmaps\/cluster-info$/;

export class Authenticator {
  readonly #tokens: readonly TokenAuthenticator[];
  readonly #apiAudiences: readonly string[];
  readonly #anonymousEverywhere: boolean;
  readonly #frontProxy: FrontProxy | undefined;
  readonly #clock: Clock;
  /** The same few certificates and tokens speak all the time. */
  readonly #byCertificate = new WeakMap<CertificateSubject, UserInfo>();
  readonly #known = new WeakMap<UserInfo, UserInfo>();

  constructor(options: {
    readonly tokens: readonly TokenAuthenticator[];
    /** For whom a token must be meant that is shown to this server. */
    readonly apiAudiences: readonly string[];
    readonly anonymousEverywhere: boolean;
    /** Undefined: no proxy is believed. */
    readonly frontProxy: FrontProxy | undefined;
    readonly clock: Clock;
  }) {
    this.#clock = options.clock;
    this.#frontProxy = options.frontProxy;
    this.#tokens = options.tokens;
    this.#apiAudiences = options.apiAudiences;
    this.#anonymousEverywhere = options.anonymousEverywhere;
  }

  /** @throws StatusError 401 */
  async authenticate(credentials: Credentials, path: string): Promise<UserInfo> {
    const { certificate } = credentials;
    const shown = certificate && this.#shownBy(certificate, credentials);
    if (shown !== undefined) return shown;
    const token = bearerToken(credentials.authorization);
    if (token !== undefined) {
      const reviewed = await this.review(token, []);
      if ('problem' in reviewed) throw unauthorized();
      return reviewed.user;
    }
    // As in Kubernetes: who shows a certificate that is no good is not taken for nobody.
    if (certificate !== undefined) throw unauthorized();
    // Credentials of a kind that nobody here knows are none, as in Kubernetes.
    if (this.#anonymousEverywhere || openPaths.test(path)) return anonymous;
    throw unauthorized();
  }

  /** Whose a token is, when it is meant for one of `audiences`; for this server when there are none. */
  async review(token: string, audiences: readonly string[]): Promise<Reviewed | Rejected> {
    const wanted = audiences.length === 0 ? this.#apiAudiences : audiences;
    const problems = ['invalid bearer token'];
    for (const authenticator of this.#tokens) {
      const reviewed = await authenticator.authenticate(token, wanted);
      if (reviewed === undefined) continue;
      if ('user' in reviewed) return { ...reviewed, user: this.#authenticated(reviewed.user) };
      problems.push(reviewed.problem);
    }
    return { problem: problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]` };
  }

  /** Undefined when the certificate is no good, or a proxy's that speaks for nobody. */
  #shownBy(certificate: CertificateSubject, headers: RequestHeaders): UserInfo | undefined {
    if (!certificate.isVerified || certificate.endMs <= this.#clock.nowMs()) return undefined;
    const proxied = this.#frontProxy?.userOf(certificate, headers);
    if (proxied !== undefined) return this.#authenticated(proxied);
    return this.#frontProxy?.isClient(certificate) === false ? undefined : this.#userOf(certificate);
  }

  #userOf(subject: CertificateSubject): UserInfo {
    const known = this.#byCertificate.get(subject);
    if (known !== undefined) return known;
    const user: UserInfo = {
      name: subject.commonName,
      uid: '',
      groups: [...subject.organizations, authenticatedGroup],
      extra: { 'authentication.kubernetes.io/credential-id': [`X509SHA256=${subject.fingerprint}`] },
    };
    this.#byCertificate.set(subject, user);
    return user;
  }

  #authenticated(user: UserInfo): UserInfo {
    const known = this.#known.get(user);
    if (known !== undefined) return known;
    const grouped = { ...user, groups: [...user.groups, authenticatedGroup] };
    this.#known.set(user, grouped);
    return grouped;
  }
}

function bearerToken(header: string | undefined): string | undefined {
  const found = header === undefined ? undefined : /^Bearer\s+(\S+)\s*$/i.exec(header);
  return found?.[1];
}

export function unauthorized(): StatusError {
  return new StatusError({ reason: 'Unauthorized', code: 401, message: 'Unauthorized' });
}
