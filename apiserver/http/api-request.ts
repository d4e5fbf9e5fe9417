import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { KindStrategy, UserInfo } from '../registry/strategy.ts';
import type { ClientResponse } from './client-response.ts';
import type { RequestInfo } from './request-info.ts';

/** The request as it came. */
export interface RequestOrigin {
  /** Path and query. */
  readonly url: string;
  /** In place of the body; left out when there is none. */
  readonly payload: Readable | undefined;
  readonly clientAddress: string | undefined;
}

/** One request, authenticated and authorised, with its body read. */
export interface ApiRequest {
  readonly method: string;
  readonly info: RequestInfo;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** For requests that are only passed on. */
  readonly origin?: RequestOrigin;
  readonly user: UserInfo;
  readonly response: ClientResponse;
}

/** A request for a resource that is served. */
export interface ResourceRequest extends ApiRequest {
  readonly strategy: KindStrategy;
}

/** The media type of a body, without parameters. */
export function mediaType(headers: IncomingHttpHeaders): string {
  const header = headers['content-type'] ?? '';
  const end = header.indexOf(';');
  return (end < 0 ? header : header.slice(0, end)).trim().toLowerCase();
}

/** Who writes, when the request does not name a field manager: the program's name. */
export function fieldManagerOf(named: string, headers: IncomingHttpHeaders): string {
  if (named !== '') return named;
  const agent = headers['user-agent'] ?? '';
  const end = agent.indexOf('/');
  return (end < 0 ? agent : agent.slice(0, end)).slice(0, 128) || 'unknown';
}
