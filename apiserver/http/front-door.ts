import { Socket } from 'node:net';
import { everything, type Selector } from '../../api/selector.ts';
import { StatusError } from '../../api/status-error.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { userWithNotes } from '../audit/audit-notes.ts';
import type { AuditedCourse, Auditor } from '../audit/auditor.ts';
import { CapturedBody } from '../audit/captured-body.ts';
import { attemptedMethods } from '../authentication/attempted-methods.ts';
import type { Authenticator, Credentials } from '../authentication/authenticator.ts';
import { impersonate } from '../authentication/impersonation.ts';
import type { OpenIdDocuments } from '../authentication/openid.ts';
import { peerSubject } from '../authentication/peer-certificate.ts';
import { type Authorizer, deniedError } from '../authorization/authorizer.ts';
import type { Discovery } from '../discovery/discovery.ts';
import { Overloaded, type RequestGate, type Seat, tooManyRequests } from '../flow-control/flow-controller.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { MeasuredRequest } from '../metrics/request-metrics.ts';
import type { UserInfo } from '../registry/strategy.ts';
import { isUnforeseen, toStatusError } from '../store/storage-failure.ts';
import { type Answer, errorAnswer, noSuchResource, pageNotFound, send } from './answer.ts';
import { type ApiRequest, mediaType } from './api-request.ts';
import { sendWhole } from './body-stream.ts';
import type { ClientResponse } from './client-response.ts';
import { cutOff } from './connection-limits.ts';
import { answerDiscovery } from './discovery-routes.ts';
import { parseFieldSelector, selectedName } from './field-selector.ts';
import { acceptsGzip } from './gzip.ts';
import { answerHealth, type HealthCheck } from './health.ts';
import { negotiateError } from './negotiation.ts';
import { isLongRunning, startDeadline, timeAllowed } from './request-deadline.ts';
import { parseRequestInfo, type RequestInfo } from './request-info.ts';
import type { Handled, Router } from './router.ts';
import type { IncomingRequest } from './server.ts';
import { sourceIps } from './source-addresses.ts';
import { versionAnswer } from './version.ts';

export interface FrontDoorOptions {
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly openid: OpenIdDocuments | undefined;
  readonly router: Router;
  readonly discovery: Discovery;
  readonly checks: readonly HealthCheck[];
  readonly metrics: Metrics;
  readonly flow: RequestGate;
  /** Seats that a request takes. */
  widthOf(info: RequestInfo): number;
  readonly auditor: Auditor | undefined;
  /** `/openapi/v3` and below; undefined for what is not there. */
  openapi(request: ApiRequest): Answer | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const noQuery = new URLSearchParams();

/** The way of every request: who, what, may they, do it, answer. */
export class FrontDoor {
  readonly #options: FrontDoorOptions;

  constructor(options: FrontDoorOptions) {
    this.#options = options;
  }

  /** Never rejects: whatever fails is told to the client. */
  async serve(incoming: IncomingRequest, response: ClientResponse): Promise<void> {
    const { clock, metrics } = this.#options;
    const startMs = clock.monotonicMs();
    const { path, query } = splitUrl(incoming.url);
    const info = parseRequestInfo(incoming.method, path, isWatch(query));
    const end = metrics.requests.begin(toMeasured(incoming, info, query));
    const course: Course = { seat: undefined, audited: undefined, failure: undefined };
    let deadline: Timer | undefined;
    try {
      deadline = startDeadline(clock, timeAllowed(info, query), (late) =>
        this.#expire(late, course, response),
      );
      const user = await this.#admit(incoming, info, course, response);
      if (info.verb === 'watch') response.onHead((status) => beginWatch(course, status));
      const { method, url, headers, body, payload } = incoming;
      const origin = { url, payload, clientAddress: addressOf(incoming.socket) };
      const answering = this.#answer({ method, info, query, headers, body, origin, user, response });
      if (waitsForCompany(info)) clock.setImmediate(() => course.seat?.release());
      const answer = await answering;
      if (answer !== undefined) await sendWhole(response, answer, acceptsGzip(headers));
    } catch (error) {
      course.failure ??= error instanceof Overloaded ? tooManyRequests() : toStatusError(error);
      if (error instanceof Overloaded) cutOff(incoming.connection);
      else this.#tell(error, course.failure, incoming, response);
      course.isUnforeseen = isUnforeseen(error);
    }
    deadline?.cancel();
    if (course.audited?.wantsRequest === true) course.requestBody = incoming.body;
    const goesOn = info.verb === 'watch' && course.failure === undefined;
    if (goesOn) concludeAtClose({ course, response, end, clock, startMs });
    else conclude({ course, response, end, clock, startMs });
  }

  /** Who asks for an upgrade, when they may. @throws StatusError 401, 403 */
  async admit(incoming: Omit<IncomingRequest, 'body'>, info: RequestInfo): Promise<UserInfo> {
    const course: Course = { seat: undefined, audited: undefined, failure: undefined };
    try {
      const user = await this.#admit(incoming, info, course, undefined);
      await this.#mayConnect(user, info);
      if (course.audited !== undefined) followUpgrade(course.audited, incoming.socket);
      return user;
    } catch (error) {
      course.failure = toStatusError(error);
      course.audited?.complete({ code: course.failure.code, status: course.failure });
      throw error;
    }
  }

  /**
   * A WebSocket begins with GET, and whoever may only read must not run commands by it: what connects needs `create` as well.
   * @throws StatusError 403
   */
  async #mayConnect(user: UserInfo, info: RequestInfo): Promise<void> {
    const path = `${info.group}/${info.resource}/${info.subresource}`;
    if (info.verb === 'create' || !connecting.has(path)) return;
    const attributes = { ...info, verb: 'create', fields: everything, user };
    const decision = await this.#options.authorizer.authorize(attributes);
    if (!decision.allowed) throw deniedError(attributes, decision.reason);
  }

  /** @param response undefined for an upgrade, which waits for no seat */
  async #admit(
    incoming: Omit<IncomingRequest, 'body'>,
    info: RequestInfo,
    course: Course,
    response: ClientResponse | undefined,
  ): Promise<UserInfo> {
    const { headers } = incoming;
    const { authorizer, auditor } = this.#options;
    const auditId = auditor?.idOf(headerOf(headers, 'audit-id'));
    if (auditId !== undefined) response?.setHeader('audit-id', auditId);
    const authenticated = await this.#authenticated(incoming, info, auditId);
    const audited = this.#audit(incoming, info, authenticated, auditId);
    course.audited = audited;
    if (audited?.wantsResponse === true && info.verb !== 'watch') response?.capture(new CapturedBody());
    const effective = await impersonate(authenticated, incoming, authorizer);
    if (effective !== authenticated) audited?.actsAs(effective);
    const user = audited === undefined ? effective : userWithNotes(effective, audited.notes);
    const fields = fieldsAsked(info, incoming.url);
    const name = info.name === '' ? (selectedName(fields) ?? '') : info.name;
    const attributes = { ...info, name, fields, user };
    if (response !== undefined && !isLongRunning(info)) {
      const seat = this.#options.flow.admit(attributes, this.#options.widthOf(info), response);
      course.seat = seat instanceof Promise ? await seat : seat;
      response.setHeader(schemaHeader, course.seat.schemaUid);
      response.setHeader(levelHeader, course.seat.levelUid);
    }
    const decision = await authorizer.authorize(attributes);
    const annotations = audited?.notes.annotations;
    annotations?.set('authorization.k8s.io/decision', decision.allowed ? 'allow' : 'forbid');
    annotations?.set('authorization.k8s.io/reason', decision.reason ?? '');
    if (!decision.allowed) throw deniedError(attributes, decision.reason);
    return user;
  }

  /** Who could not say who they are is told of, too. */
  async #authenticated(
    incoming: Omit<IncomingRequest, 'body'>,
    info: RequestInfo,
    auditId: string | undefined,
  ): Promise<UserInfo> {
    const { headers, rawHeaders, connection, socket } = incoming;
    const certificate = peerSubject(connection, socket);
    const { authorization } = headers;
    const credentials: Credentials = { certificate, authorization, headers, rawHeaders };
    try {
      return await this.#options.authenticator.authenticate(credentials, info.path);
    } catch (error) {
      const audited = this.#audit(incoming, info, undefined, auditId);
      audited?.started({ code: 401, status: { message: attemptedMethods(credentials) } });
      throw error;
    }
  }

  #audit(
    incoming: Omit<IncomingRequest, 'body'>,
    request: RequestInfo,
    user: UserInfo | undefined,
    auditId: string | undefined,
  ): AuditedCourse | undefined {
    const { auditor, clock } = this.#options;
    if (auditId === undefined) return undefined;
    return auditor?.begin({
      ...{ request, uri: incoming.url, user, auditId },
      sourceIps: sourceIps(incoming.headers, addressOf(incoming.socket)),
      userAgent: incoming.headers['user-agent'] ?? '',
      receivedMs: clock.nowMs(),
    });
  }

  async #answer(request: ApiRequest): Promise<Handled> {
    if (request.info.isResource) return this.#options.router.route(request);
    const { path } = request.info;
    if (path === '/version' || path === '/version/') return versionAnswer;
    if (path === '/metrics') return { status: 200, ...(await this.#options.metrics.render()) };
    const answer =
      answerDiscovery(this.#options.discovery, request) ??
      (await answerHealth(this.#options, path, request.query)) ??
      (path.startsWith('/openapi') ? this.#options.openapi(request) : undefined) ??
      this.#options.openid?.answer(path);
    if (answer !== undefined) return answer;
    if (path.startsWith('/api/') || path.startsWith('/apis/')) throw noSuchResource();
    return pageNotFound;
  }

  /** Answers in place of what is late; what it still writes goes nowhere. */
  #expire(late: StatusError, course: Course, response: ClientResponse): void {
    course.failure = late;
    if (response.started) response.abort();
    else send(response, errorAnswer(late, negotiateError(undefined)));
    course.seat?.release();
  }

  #tell(error: unknown, status: StatusError, incoming: IncomingRequest, response: ClientResponse): void {
    // Whoever asked has gone, and what waited for them was told so: nobody is left to answer, and nothing failed.
    if (response.gone) return;
    if (status.code >= 500 && (!(error instanceof StatusError) || status.reason === 'InternalError'))
      this.#options.logger.error(
        { err: error, method: incoming.method, url: incoming.url },
        'request failed',
      );
    // A body that has begun cannot become another: the client sees it cut off.
    if (response.started) response.end();
    else send(response, errorAnswer(status, negotiateError(incoming.headers.accept)));
  }
}

function addressOf(socket: unknown): string | undefined {
  return socket instanceof Socket ? socket.remoteAddress : undefined;
}

/** What a request holds and leaves behind on its way. */
interface Course {
  seat: Seat | undefined;
  audited: AuditedCourse | undefined;
  failure: StatusError | undefined;
  /** Whether the server failed in a way that nobody foresaw. */
  isUnforeseen?: boolean;
  requestBody?: Buffer;
}

/**
 * After a turn a renewal of a node's Lease does nothing but wait until the store has a group of them. With a seat held
 * so long a slow disk would let thousands of nodes' Leases run out.
 */
function waitsForCompany({ namespace, resource, verb, subresource }: RequestInfo): boolean {
  const isRenewal = verb === 'update' || verb === 'patch';
  return isRenewal && namespace === nodeLeaseNamespace && resource === 'leases' && subresource === '';
}

const nodeLeaseNamespace = 'kube-node-lease';
/** @see https://kubernetes.io/docs/reference/command-line-tools-reference/feature-gates/ AuthorizePodWebsocketUpgradeCreatePermission */
const connecting: ReadonlySet<string> = new Set(['/pods/exec', '/pods/attach', '/pods/portforward']);
const switchingProtocols = 101;
const schemaHeader = 'x-kubernetes-pf-flowschema-uid';
const levelHeader = 'x-kubernetes-pf-prioritylevel-uid';
/** From here on a watch costs only what happens. */
function beginWatch(course: Course, status: number): void {
  course.seat?.release();
  course.audited?.started({ code: status });
}

/** Told of once it is known whether the connection was taken over, and when it is closed. */
function followUpgrade(audited: AuditedCourse, socket: unknown): void {
  audited.notes.upgraded = (failure) => {
    const outcome = { code: failure?.code ?? switchingProtocols, status: failure };
    audited.started(outcome);
    if (failure === undefined && socket instanceof Socket && !socket.destroyed)
      socket.once('close', () => audited.complete(outcome));
    else audited.complete(outcome);
  };
}

interface Conclusion {
  readonly course: Course;
  readonly response: ClientResponse;
  readonly end: (answer: { code: number; bytes: number; seconds: number }) => void;
  readonly clock: Clock;
  readonly startMs: number;
}

function conclude({ course, response, end, clock, startMs }: Conclusion): void {
  const { seat, audited, failure, requestBody } = course;
  seat?.release();
  const responseBody = response.captured?.read();
  const outcome = { code: failure?.code ?? response.status, status: failure, requestBody, responseBody };
  if (course.isUnforeseen === true) audited?.panicked(outcome);
  else audited?.complete(outcome);
  end({ code: response.status, bytes: response.bytes, seconds: (clock.monotonicMs() - startMs) / 1000 });
}

/** A function of its own, so that an open watch holds nothing else of its request. */
function concludeAtClose(conclusion: Conclusion): void {
  conclusion.response.onClose(() => conclude(conclusion));
}

function headerOf(headers: IncomingRequest['headers'], name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}

const collectionVerbs: ReadonlySet<string> = new Set(['list', 'watch', 'deletecollection']);

/** A collection request that selects one name is authorized as a request for that name, as Kubernetes does. */
function fieldsAsked(info: RequestInfo, url: string): Selector {
  if (!collectionVerbs.has(info.verb)) return everything;
  const selector = splitUrl(url).query.get('fieldSelector');
  if (selector === null) return everything;
  try {
    return parseFieldSelector(selector);
  } catch {
    // A malformed selector selects nothing here; the request itself is refused for it later.
    return everything;
  }
}

function splitUrl(url: string): { readonly path: string; readonly query: URLSearchParams } {
  const at = url.indexOf('?');
  return at < 0
    ? { path: url, query: noQuery }
    : { path: url.slice(0, at), query: new URLSearchParams(url.slice(at + 1)) };
}

function isWatch(query: URLSearchParams): boolean {
  if (query.size === 0) return false;
  const value = query.get('watch');
  return value !== null && value !== '0' && value.toLowerCase() !== 'false';
}

function toMeasured(
  { method, headers }: IncomingRequest,
  info: RequestInfo,
  query: URLSearchParams,
): MeasuredRequest {
  const isApply = method === 'PATCH' && mediaType(headers).startsWith('application/apply-patch+');
  return { ...info, method, isApply, dryRun: query.size > 0 && query.has('dryRun') };
}
