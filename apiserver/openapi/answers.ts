import { StatusError } from '../../api/status-error.ts';
import { type Answer, methodNotAllowed, pageNotFound } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import { parseAccept } from '../http/negotiation.ts';
import type { OpenApi, OpenApiDocument } from './openapi.ts';

const root = '/openapi/v3';
const olderPath = '/openapi/v2';
const protobuf = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';
/** kubectl asks with an `@`, which no media type may have: it would not read it in an answer. */
const protobufTypes: ReadonlySet<string> = new Set([protobuf, protobuf.replace('v2.v1', 'v2@v1')]);
const json = 'application/json';
const acceptable: ReadonlySet<string> = new Set([json, 'application/*', '*/*']);

/** A document under a URL with its hash never changes: clients keep it on disk. */
const forGood = 'public, immutable';

/** `/openapi/v3` and below; the older `/openapi/v2` only for those who read protobuf. */
export function answerOpenApi(openapi: OpenApi, request: ApiRequest): Answer | undefined {
  const path = request.info.path.replace(/\/$/, '');
  if (path === olderPath) return answerOlder(openapi, request);
  if (path !== root && !path.startsWith(`${root}/`)) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  const name = path.slice(root.length + 1);
  const document = name === '' ? openapi.index() : openapi.document(name);
  if (document === undefined) return pageNotFound;
  const asked = name === '' ? '' : (request.query.get('hash') ?? '');
  // Whoever keeps what it gets under this URL must not keep another document.
  if (asked !== '' && asked !== document.hash) return movedTo(`${path}?hash=${document.hash}`);
  requireJson(request.headers.accept);
  return documentAnswer(request, document, { contentType: json, immutable: asked !== '' });
}

function answerOlder(openapi: OpenApi, request: ApiRequest): Answer {
  const ranges = parseAccept(request.headers.accept ?? '');
  if (!ranges.some(({ type }) => protobufTypes.has(type))) return pageNotFound;
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  return documentAnswer(request, openapi.older(), { contentType: protobuf, immutable: false });
}

function movedTo(location: string): Answer {
  return { status: 301, contentType: 'text/plain; charset=utf-8', body: '', headers: { location } };
}

function documentAnswer(
  request: ApiRequest,
  document: OpenApiDocument,
  { contentType, immutable }: { readonly contentType: string; readonly immutable: boolean },
): Answer {
  const etag = `"${document.hash}"`;
  const headers = {
    ...{ etag, vary: 'Accept, Accept-Encoding' },
    ...(immutable ? { 'cache-control': forGood } : {}),
  };
  if (request.headers['if-none-match'] === etag) return { status: 304, contentType, body: '', headers };
  if (!acceptsGzip(request.headers['accept-encoding']))
    return { status: 200, contentType, body: document.body, headers };
  return {
    status: 200,
    contentType,
    body: document.gzipped(),
    headers: { ...headers, 'content-encoding': 'gzip' },
  };
}

const acceptsGzip = (header: string | string[] | undefined): boolean =>
  parseAccept(String(header ?? '')).some(({ type }) => type === 'gzip' || type === '*');

/** @throws StatusError 406 for those who only read protobuf */
function requireJson(header: string | undefined): void {
  if (header === undefined || header === '') return;
  if (parseAccept(header).some(({ type }) => acceptable.has(type))) return;
  throw new StatusError({
    reason: 'NotAcceptable',
    code: 406,
    message: `406: Not Acceptable\n\nAvailable representations: ${json}`,
    details: {},
  });
}
