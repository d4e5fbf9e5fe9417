import type { IncomingHttpHeaders, OutgoingHttpHeaders } from 'node:http';

/** RFC 9110, 7.6.1: they mean this connection, not the one behind. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'proxy-connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'expect',
]);

/** Who may read an answer is the API server's to say. */
const crossOrigin: ReadonlySet<string> = new Set([
  'access-control-allow-credentials',
  'access-control-allow-headers',
  'access-control-allow-methods',
  'access-control-allow-origin',
]);

export interface ForwardedRequest {
  readonly headers: IncomingHttpHeaders;
  /** Path of the request as it came, encoded. */
  readonly path: string;
  readonly clientAddress: string | undefined;
}

/** Of the client's credentials nothing goes on. The backend learns the path under which it was asked. */
export function backendHeaders({ headers, path, clientAddress }: ForwardedRequest): OutgoingHttpHeaders {
  const named = new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()));
  const kept: OutgoingHttpHeaders = {};
  for (const [name, value] of Object.entries(headers)) {
    const isOurs =
      name === 'authorization' ||
      name.startsWith('impersonate-') ||
      name.startsWith('x-remote-') ||
      name.startsWith(':');
    if (value !== undefined && !isOurs && !hopByHop.has(name) && !named.has(name)) kept[name] = value;
  }
  kept['host'] = headers.host ?? String(headers[':authority'] ?? '');
  kept['x-forwarded-uri'] = path;
  const earlier = headers['x-forwarded-for'];
  const before = earlier === undefined ? [] : [earlier].flat();
  if (clientAddress !== undefined) kept['x-forwarded-for'] = [...before, clientAddress].join(', ');
  return kept;
}

export function clientHeaders(headers: IncomingHttpHeaders): OutgoingHttpHeaders {
  const kept: OutgoingHttpHeaders = { 'cache-control': 'no-cache, private' };
  for (const [name, value] of Object.entries(headers))
    if (value !== undefined && !hopByHop.has(name) && !crossOrigin.has(name)) kept[name] = value;
  return kept;
}

/** Where links of an answer lead. */
export interface LinkSpace {
  /** Path of the API server under which the backend's root lies. */
  readonly prefix: string;
  /** `host:port` that the backend has. */
  readonly backend: string;
  /** `host:port` under which the client asked. */
  readonly asked: string;
}

const origin = /^(?:([a-z][a-z0-9+.-]*):)?\/\/([^/?#]*)/i;

/** Absolute paths on the same host come under the prefix; other hosts, relative paths and other schemes stay. */
export function rewriteLink(link: string, { prefix, backend, asked }: LinkSpace): string {
  const match = origin.exec(link);
  const host = match?.[2] ?? '';
  const path = match === null ? link : link.slice(match[0].length);
  const isSameHost = host === '' || host === backend || host === asked;
  if (!isSameHost || !path.startsWith('/')) return link;
  const under = path.startsWith(prefix) ? path : prefix + path;
  return host !== '' && host === asked ? link.slice(0, link.length - path.length) + under : under;
}
