/** `proxy` of pods, services and nodes: HTTP to what they serve, under a path of the API server. */
import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { type Duplex, pipeline, type Readable, type Transform } from 'node:stream';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';
import { notFound } from '../../api/status-error.ts';
import { onAbort } from '../../base/abort.ts';
import { invariant } from '../../base/invariant.ts';
import type { Random } from '../../base/random.ts';
import type { ApiRequest, RequestOrigin, ResourceRequest } from '../http/api-request.ts';
import type { ClientResponse } from '../http/client-response.ts';
import type { Handled, SubresourceRoutes } from '../http/router.ts';
import type { ReadCache } from '../watch-cache/read-cache.ts';
import type { AgentClient } from './agent-client.ts';
import { htmlLinks } from './html-links.ts';
import { requestBackend, unreachable } from './proxy-connection.ts';
import { backendHeaders, clientHeaders, type LinkSpace, rewriteLink } from './proxy-headers.ts';
import { nodeTarget, type ProxyPlace, type ProxyTarget, podTarget, serviceTarget } from './proxy-target.ts';

export interface ProxyDependencies {
  readonly agents: AgentClient;
  readonly cache: ReadCache;
  readonly random: Random;
  readonly stopping: AbortSignal;
}

const targets: ReadonlyMap<string, (place: ProxyPlace) => ProxyTarget> = new Map([
  ['pods', podTarget],
  ['services', serviceTarget],
  ['nodes', nodeTarget],
]);

/** Where the request's own path ends and the backend's begins. */
const proxyPath = /^(\/api\/v1\/(?:namespaces\/[^/]+\/)?(?:pods|services|nodes)\/[^/]+\/proxy)(\/[^?]*)?/;

export interface ProxyCall {
  readonly target: ProxyTarget;
  readonly prefix: string;
  /** Path and query for the backend. */
  readonly path: string;
  readonly headers: OutgoingHttpHeaders;
}

export type ProxyOrder = Pick<ApiRequest, 'info' | 'headers'> & Omit<RequestOrigin, 'payload'>;

/** @throws StatusError when there is nothing to go to */
export async function planProxy(
  { cache, random }: Pick<ProxyDependencies, 'cache' | 'random'>,
  { info, headers, url, clientAddress }: ProxyOrder,
): Promise<ProxyCall> {
  await cache.waitCurrent();
  const find = targets.get(info.resource);
  const match = proxyPath.exec(url);
  if (find === undefined || match === null) throw notFound({ group: '', plural: info.resource }, info.name);
  const { namespace, name: id } = info;
  const target = find({ cache, random, namespace, id });
  const [whole, prefix = '', rest = ''] = match;
  const forwarded = backendHeaders({ headers, path: whole, clientAddress });
  return { target, prefix, path: (rest === '' ? '/' : rest) + url.slice(whole.length), headers: forwarded };
}

/** All verbs. */
export function proxyRoutes(deps: ProxyDependencies): SubresourceRoutes {
  const forward = (request: ResourceRequest): Promise<Handled> => proxyRequest(deps, request);
  return {
    get: forward,
    create: forward,
    update: forward,
    patch: forward,
    delete: forward,
    options: forward,
  };
}

async function proxyRequest(deps: ProxyDependencies, request: ResourceRequest): Promise<Handled> {
  const { method, response, info, headers, origin } = request;
  invariant(origin !== undefined, 'a proxied request is served from where it came');
  const { url, payload, clientAddress } = origin;
  const call = await planProxy(deps, { info, headers, url, clientAddress });
  const { target, prefix, path } = call;
  const query = path.indexOf('?');
  // A page whose links are relative would lead out of the proxy without the slash.
  if (url.slice(prefix.length, prefix.length + 1) !== '/' && (method === 'GET' || method === 'HEAD')) {
    const location = `${prefix}/${query < 0 ? '' : path.slice(query)}`;
    return { status: 301, contentType: 'text/plain; charset=utf-8', body: '', headers: { location } };
  }
  const upstream = await requestBackend(deps.agents, target, { method, path, headers: call.headers });
  response.onClose(() => upstream.destroy());
  const answer = await answerOf(upstream, payload);
  const asked = String(call.headers['host'] ?? '');
  await passAnswer(
    answer,
    { response, stopping: deps.stopping, method },
    { prefix, ...hosts(target, asked) },
  );
  return undefined;
}

function hosts({ host, port }: ProxyTarget, asked: string): Omit<LinkSpace, 'prefix'> {
  return { backend: `${host}:${port}`, asked };
}

/** The head of the answer. The body of the request goes on at the backend's pace. */
function answerOf(upstream: ClientRequest, payload: Readable | undefined): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    upstream.once('response', resolve);
    // Also of a failure after the answer, which the end of its body tells.
    upstream.on('error', (cause) => reject(unreachable(cause)));
    upstream.once('upgrade', (_answer, socket: Duplex) => {
      socket.destroy();
      reject(unreachable(new Error('the backend changed the protocol without being asked')));
    });
    if (payload === undefined) upstream.end();
    else payload.pipe(upstream);
  });
}

interface Receiver {
  readonly response: ClientResponse;
  readonly stopping: AbortSignal;
  readonly method: string;
}

async function passAnswer(answer: IncomingMessage, to: Receiver, links: LinkSpace): Promise<void> {
  const headers = clientHeaders(answer.headers);
  const { location } = answer.headers;
  if (location !== undefined) headers['location'] = rewriteLink(location, links);
  const isHtml =
    location === undefined && /^\s*text\/html\s*(;|$)/i.test(answer.headers['content-type'] ?? '');
  const rewriters = isHtml && to.method !== 'HEAD' ? rewritersFor(answer, links) : [];
  if (rewriters.length > 0) delete headers['content-length'];
  to.response.writeHead(answer.statusCode ?? 502, headers);
  to.response.flushHead();
  await copyBody(answer, rewriters, to);
}

/** Nothing for an encoding that is not known: Kubernetes passes it on as it is, too. */
function rewritersFor(answer: IncomingMessage, links: LinkSpace): Transform[] {
  const rewriter = htmlLinks((link) => rewriteLink(link, links));
  switch (answer.headers['content-encoding'] ?? '') {
    case '':
      return [rewriter];
    case 'gzip':
      return [createGunzip(), rewriter, createGzip()];
    case 'deflate':
      return [createInflate(), rewriter, createDeflate()];
    default:
      return [];
  }
}

async function copyBody(answer: IncomingMessage, through: readonly Transform[], to: Receiver): Promise<void> {
  const { response, stopping } = to;
  const cut = (): void => void answer.destroy();
  const stopListening = onAbort(stopping, cut);
  response.onClose(cut);
  // An error anywhere destroys all of them, which the reading below tells.
  if (through.length > 0) pipeline([answer, ...through], () => undefined);
  const last: Readable = through.at(-1) ?? answer;
  try {
    for await (const chunk of last)
      if (Buffer.isBuffer(chunk) && !response.write(chunk))
        await new Promise<void>((resolve) => response.onDrain(resolve));
    response.end();
  } catch {
    // The backend broke off in the middle of its answer, and so must ours: what has begun cannot become an error.
    response.abort();
  } finally {
    stopListening();
  }
}
