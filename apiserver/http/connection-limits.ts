/** What bounds a connection before anybody knows whose it is, and what ends one that abuses it. */
import type { ServerHttp2Session } from 'node:http2';
import { constants } from 'node:http2';
import type { Socket } from 'node:net';

/** Open connections of one server; one more is closed at once. */
export const maxConnections = 16_384;
/** From one address: nobody alone takes them all. */
export const maxConnectionsPerAddress = 8_192;
/** Counts connections, in all and by address. */
export class ConnectionLimits {
  readonly #byAddress = new Map<string, number>();
  #open = 0;

  /** Whether there is room for one more; one too many is closed. */
  enter(socket: Socket): boolean {
    const address = socket.remoteAddress ?? '';
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#open >= maxConnections || ofAddress >= maxConnectionsPerAddress) {
      socket.destroy();
      return false;
    }
    this.#open += 1;
    this.#byAddress.set(address, ofAddress + 1);
    socket.once('close', () => this.#leave(address));
    return true;
  }

  #leave(address: string): void {
    this.#open -= 1;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

/** Ends a connection without another word: the TLS socket of HTTP/1.1, or the session of HTTP/2. */
export function cutOff(connection: object): void {
  if ('goaway' in connection)
    (connection as ServerHttp2Session).destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else (connection as Socket).destroy();
}
