/**
 * Who may ask a node what, as Kubernetes' kubelet decides in its webhook mode: a client certificate of the cluster's authority or a bearer token
 * says who asks (TokenReview), and the API server says whether they may (SubjectAccessReview on `nodes/<subresource>`). Answers are
 * kept; whom the node trusts by itself is never asked about.
 * @see https://kubernetes.io/docs/reference/access-authn-authz/kubelet-authn-authz/
 */
import { createHash } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { TokenReview } from '../../api/generated/authentication-v1.ts';
import type { SubjectAccessReview } from '../../api/generated/authorization-v1.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { ApiClient } from '../../client/client.ts';
import { type ClientUser, isTrusted, userOfCertificate } from './client-identity.ts';
import { RequestError } from './log-query.ts';
import { type AccessQuestion, questionOf } from './node-attributes.ts';
import { ReviewCache } from './review-cache.ts';

/** Kubernetes' kubelet's: of tokens, whoever they turn out to be; of rights, allowed and denied. */
const tokenKeptMs = 120_000;
const allowedKeptMs = 300_000;
const deniedKeptMs = 30_000;
const limits = { maxKept: 1_024, maxUnderWay: 32 } as const;
const reviewTimeoutMs = 10_000;
const maxTokenLength = 16_384;

export interface NodeAccessOptions {
  readonly nodeName: string;
  readonly client: Pick<ApiClient, 'request'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class NodeAccess {
  readonly #options: NodeAccessOptions;
  readonly #users: ReviewCache<ClientUser | undefined>;
  readonly #rights: ReviewCache<boolean>;

  constructor(options: NodeAccessOptions) {
    this.#options = options;
    this.#users = new ReviewCache({ clock: options.clock, ...limits });
    this.#rights = new ReviewCache({ clock: options.clock, ...limits });
  }

  /** @throws RequestError 401, 403, and 500 when nobody can say */
  async check(request: IncomingMessage): Promise<void> {
    const shown = certifiedUser(request, this.#options.clock.nowMs());
    if (shown !== undefined && isTrusted(shown)) return;
    const user = shown ?? (await this.#userOfToken(request.headers.authorization));
    if (user === undefined) throw unauthorized();
    await this.#authorize(user, questionOf(request));
  }

  async #userOfToken(authorization: string | undefined): Promise<ClientUser | undefined> {
    const token = /^Bearer\s+(\S+)\s*$/i.exec(authorization ?? '')?.[1];
    if (token === undefined || token.length > maxTokenLength) return undefined;
    const key = createHash('sha256').update(token).digest('base64');
    try {
      return await this.#users.get(key, async () => ({
        value: await this.#reviewToken(token),
        keepMs: tokenKeptMs,
      }));
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'review a token');
      throw unauthorized();
    }
  }

  async #reviewToken(token: string): Promise<ClientUser | undefined> {
    const { status } = await this.#review<TokenReview>('authentication.k8s.io/v1', 'TokenReview', { token });
    const user = status?.user;
    if (status?.authenticated !== true || user?.username === undefined) return undefined;
    return { ...user, username: user.username, groups: user.groups ?? [] };
  }

  async #authorize(user: ClientUser, { verb, subresources }: AccessQuestion): Promise<void> {
    for (const subresource of subresources) if (await this.#isAllowed(user, { verb, subresource })) return;
    throw new RequestError(
      403,
      `Forbidden (user=${user.username}, verb=${verb}, resource=nodes, subresource(s)=[${subresources.join(' ')}])\n`,
    );
  }

  async #isAllowed(
    { username, uid, groups, extra }: ClientUser,
    asked: { readonly verb: string; readonly subresource: string },
  ): Promise<boolean> {
    const { nodeName, logger } = this.#options;
    const spec = {
      ...{ user: username, groups },
      ...(uid === undefined ? {} : { uid }),
      ...(extra === undefined ? {} : { extra }),
      resourceAttributes: { ...asked, version: 'v1', resource: 'nodes', name: nodeName },
    };
    try {
      return await this.#rights.get(JSON.stringify(spec), async () => {
        const value = await this.#reviewAccess(spec);
        return { value, keepMs: value ? allowedKeptMs : deniedKeptMs };
      });
    } catch (error) {
      logger.warn({ err: error, user: username, ...asked }, 'review access');
      const { verb, subresource } = asked;
      throw new RequestError(
        500,
        `Authorization error (user=${username}, verb=${verb}, resource=nodes, subresource=${subresource})`,
      );
    }
  }

  async #reviewAccess(spec: object): Promise<boolean> {
    const kind = 'SubjectAccessReview';
    const { status } = await this.#review<SubjectAccessReview>('authorization.k8s.io/v1', kind, spec);
    return status?.allowed === true;
  }

  async #review<Review>(apiVersion: string, kind: string, spec: object): Promise<Review> {
    const late = new AbortController();
    const timer = this.#options.clock.setTimer(reviewTimeoutMs, () =>
      late.abort(new Error(`${kind}: no answer within ${reviewTimeoutMs} ms`)),
    );
    try {
      const { status, body } = await this.#options.client.request({
        ...{ method: 'POST', path: `/apis/${apiVersion}/${kind.toLowerCase()}s`, signal: late.signal },
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ apiVersion, kind, spec }),
      });
      if (status !== 201) throw new Error(`${kind}: HTTP status ${status}: ${body.toString()}`);
      return JSON.parse(body.toString()) as Review;
    } finally {
      timer.cancel();
    }
  }
}

/** A certificate may end before its connection does. */
function certifiedUser({ socket }: IncomingMessage, nowMs: number): ClientUser | undefined {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return undefined;
  const { subject, valid_to: end } = socket.getPeerCertificate();
  return Date.parse(end) > nowMs ? userOfCertificate(subject) : undefined;
}

function unauthorized(): RequestError {
  return new RequestError(401, 'Unauthorized');
}
