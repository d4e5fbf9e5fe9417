import type { Socket } from 'node:net';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { maxUpdateBytes } from './guard-protocol.ts';

/** Gives every JSON line of a connection to `take`. One that cannot be read or taken ends the connection. */
export function readLines<T>(socket: Socket, take: (line: T) => void, logger: Logger): void {
  let pieces: Buffer[] = [];
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    let rest = chunk;
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = Buffer.concat([...pieces, rest.subarray(0, end)]);
      pieces = [];
      bytes = 0;
      rest = rest.subarray(end + 1);
      try {
        take(JSON.parse(line.toString('utf8')) as T);
      } catch (error) {
        logger.error({ reason: messageOf(error) }, 'read a line of the guard socket');
        socket.destroy();
        return;
      }
    }
    pieces.push(rest);
    bytes += rest.length;
    if (bytes > maxUpdateBytes) socket.destroy();
  });
}
