import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { messageOf } from '../../base/invariant.ts';
import { RequestError } from './log-query.ts';

/** A connection whose client asks to speak something else than HTTP on it. */
export interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/** The first of `known`, which has the best first, that the client offers. */
export function chooseProtocol(known: readonly string[], offered: Iterable<string>): string | undefined {
  const all = new Set(offered);
  return known.find((protocol) => all.has(protocol));
}

/**
 * Answers an upgrade to SPDY. The first clients knew no versions of the protocol inside and named none.
 * @throws RequestError 403 when the client offers only others
 */
export function beginUpgrade({ request, socket, head }: Upgrade, known: readonly string[]): string {
  const asked = request.headers['x-stream-protocol-version'];
  const offered = [asked ?? []]
    .flat()
    .flatMap((text) => text.split(','))
    .map((text) => text.trim());
  const protocol = asked === undefined ? '' : chooseProtocol(known, offered);
  if (protocol === undefined)
    throw new RequestError(
      403,
      `unable to upgrade: unable to negotiate protocol: client supports [${offered.join(' ')}], server accepts [${known.join(' ')}]`,
    );
  const lines = ['HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: SPDY/3.1'];
  if (protocol !== '') lines.push(`X-Stream-Protocol-Version: ${protocol}`);
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (head.length > 0) socket.unshift(head);
  return protocol;
}

/** Says in plain HTTP why not. */
export function refuseUpgrade({ socket }: Pick<Upgrade, 'socket'>, error: unknown): void {
  const status = error instanceof RequestError ? error.status : 500;
  const text = messageOf(error);
  socket.end(
    [
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Error'}`,
      'Content-Type: text/plain; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(text)}`,
      'Connection: close',
      '',
      text,
    ].join('\r\n'),
  );
}
