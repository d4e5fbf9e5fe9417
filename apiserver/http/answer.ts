import { stringify } from 'yaml';
import { type KindInfo, toApiVersion } from '../../api/kind-info.ts';
import type { StatusError } from '../../api/status-error.ts';
import { StatusError as ApiError } from '../../api/status-error.ts';
import { encodedKind, objectEncoder } from '../decode/protobuf/object-encoder.ts';
import type { ClientResponse } from './client-response.ts';
import { ExpiredContinue } from './continue-token.ts';
import type { Negotiated } from './negotiation.ts';

/** A whole answer, not yet sent. */
export interface Answer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Buffer | string;
  readonly headers?: Readonly<Record<string, string | string[]>> | undefined;
}

const newline = Buffer.from('\n');

/** Sends wire JSON as it is, or what the client asked for instead. */
export function jsonAnswer(
  status: number,
  json: Buffer,
  negotiated: Negotiated,
  warnings: readonly string[] = [],
): Answer {
  if (negotiated.media !== 'json')
    return objectAnswer(status, JSON.parse(json.toString()) as object, negotiated, warnings);
  return {
    status,
    contentType: negotiated.contentType,
    body: Buffer.concat([json, newline]),
    headers: warningHeaders(warnings),
  };
}

/** The wire JSON of an object as the cache holds it: what it is in protobuf is made once for all who ask. */
export function storedAnswer(
  status: number,
  { kind, json }: { readonly kind: KindInfo; readonly json: Buffer },
  negotiated: Negotiated,
  warnings: readonly string[] = [],
): Answer {
  const body =
    negotiated.media === 'protobuf'
      ? objectEncoder.bodyOfJson(encodedKind({ apiVersion: toApiVersion(kind), kind: kind.kind }), json)
      : undefined;
  if (body === undefined) return jsonAnswer(status, json, negotiated, warnings);
  return { status, contentType: negotiated.contentType, body, headers: warningHeaders(warnings) };
}

export function objectAnswer(
  status: number,
  object: object,
  negotiated: Negotiated,
  warnings: readonly string[] = [],
): Answer {
  const headers = warningHeaders(warnings);
  const { media, contentType } = negotiated;
  if (media === 'yaml') return { status, contentType, body: toYaml(object), headers };
  const body = media === 'protobuf' ? objectEncoder.body(object) : undefined;
  if (body !== undefined) return { status, contentType, body, headers };
  // A kind that has no message is told in JSON, which every client reads.
  return { status, contentType: 'application/json', body: `${JSON.stringify(object)}\n`, headers };
}

const warningHeaders = (warnings: readonly string[]): Answer['headers'] =>
  warnings.length === 0 ? undefined : { warning: toWarnings(warnings) };

export function errorAnswer(error: StatusError, negotiated: Negotiated): Answer {
  const answer = objectAnswer(error.code, statusBody(error), negotiated);
  const retry = error.details?.retryAfterSeconds;
  return retry === undefined ? answer : { ...answer, headers: { 'retry-after': String(retry) } };
}

/** As Kubernetes writes it: what is empty is left out. */
export function statusBody(error: StatusError): object {
  const { reason, ...body } = error.toBody();
  const metadata = error instanceof ExpiredContinue ? { continue: error.continueToken } : {};
  return { ...body, metadata, ...(reason === undefined || reason === '' ? {} : { reason }) };
}

/** The Status of what went well. */
export function successStatus(details: object | undefined, code?: number): object {
  return {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Success',
    ...(details === undefined ? {} : { details }),
    ...(code === undefined ? {} : { code }),
  };
}

/** What is not about any resource. */
export const pageNotFound: Answer = {
  status: 404,
  contentType: 'text/plain; charset=utf-8',
  body: '404 page not found\n',
};

export function noSuchResource(): StatusError {
  return new ApiError({
    reason: 'NotFound',
    code: 404,
    message: 'the server could not find the requested resource',
    details: {},
  });
}

export function methodNotAllowed(): StatusError {
  return new ApiError({
    reason: 'MethodNotAllowed',
    code: 405,
    message: 'the server does not allow this method on the requested resource',
    details: {},
  });
}

export function toYaml(value: unknown): string {
  return stringify(value, { sortMapEntries: true, lineWidth: 0, aliasDuplicateObjects: false });
}

/** Warnings are for people: of many long ones the beginnings are told, as far as they fit. */
const maxWarningsCharacters = 4_096;
const maxLongWarningCharacters = 256;

/** Values of `Warning` headers, each told once. */
function toWarnings(texts: readonly string[]): string[] {
  const once = [...new Set(texts)];
  const total = once.reduce((sum, text) => sum + text.length, 0);
  if (total <= maxWarningsCharacters) return once.map(toWarning);
  const short = once.map((text) => [...text].slice(0, maxLongWarningCharacters).join(''));
  let left = maxWarningsCharacters;
  const fitting = short.filter((text) => {
    left -= text.length;
    return left >= 0;
  });
  return fitting.map(toWarning);
}

/** Code, agent, quoted text, whose UTF-8 bytes Node wants one by one. @see RFC 7234, section 5.5 */
function toWarning(text: string): string {
  const clean = text.replace(/[\p{Cc}]/gu, ' ').replace(/([\\"])/g, '\\$1');
  return Buffer.from(`299 - "${clean}"`).toString('latin1');
}

export function send(response: ClientResponse, answer: Answer): void {
  const body = typeof answer.body === 'string' ? Buffer.from(answer.body) : answer.body;
  const { 'cache-control': caching = 'no-cache, private', ...headers } = answer.headers ?? {};
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  response.writeHead(answer.status, {
    'content-type': answer.contentType,
    'cache-control': String(caching),
    'content-length': body.length,
  });
  response.end(body);
}
