import { StatusError } from '../../api/status-error.ts';
import { type Answer, methodNotAllowed, pageNotFound } from '../http/answer.ts';
import type { ApiRequest } from '../http/api-request.ts';
import { parseAccept } from '../http/negotiation.ts';
import type { OpenApi, OpenApiDocument } from './openapi.ts';

const root = '/openapi/v3';
const json = 'application/json';
const acceptable: ReadonlySet<string> = new Set([json, 'application/*', '*/*']);

/** A document under a URL with its hash never changes: clients keep it on disk. */
const forGood = 'public, immutable';

/** `/openapi/v3` and below. The older `/openapi/v2` is not there: clients of today do not need it. */
export function answerOpenApi(openapi: OpenApi, request: ApiRequest): Answer | undefined {
  const path = request.info.path.replace(/\/$/, '');
  if (path !== root && !path.startsWith(`${root}/`)) return undefined;
  if (request.method !== 'GET' && request.method !== 'HEAD') throw methodNotAllowed();
  const name = path.slice(root.length + 1);
  const document = name === '' ? openapi.index() : openapi.document(name);
  if (document === undefined) return pageNotFound;
  const asked = name === '' ? '' : (request.query.get('hash') ?? '');
  // Whoever keeps what it gets under this URL must not keep another document.
  if (asked !== '' && asked !== document.hash) return movedTo(`${path}?hash=${document.hash}`);
  requireJson(request.headers.accept);
  return documentAnswer(request, document, asked !== '');
}

function movedTo(location: string): Answer {
  return { status: 301, contentType: 'text/plain; charset=utf-8', body: '', headers: { location } };
}

function documentAnswer(request: ApiRequest, document: OpenApiDocument, immutable: boolean): Answer {
  const etag = `"${document.hash}"`;
  const headers = {
    ...{ etag, vary: 'Accept, Accept-Encoding' },
    ...(immutable ? { 'cache-control': forGood } : {}),
  };
  if (request.headers['if-none-match'] === etag) return { status: 304, contentType: json, body: '', headers };
  if (!acceptsGzip(request.headers['accept-encoding']))
    return { status: 200, contentType: json, body: document.body, headers };
  return {
    status: 200,
    contentType: json,
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
