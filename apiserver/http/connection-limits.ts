/** What bounds a connection before anybody knows whose it is, and what ends one that abuses it. */
import type { ServerHttp2Session } from 'node:http2';
import { constants } from 'node:http2';
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';

/** Open connections of one server; one more is closed at once. */
export const maxConnections = 16_384;
/** From one address: nobody alone takes them all. */
export const maxConnectionsPerAddress = 8_192;
/** From the beginning of a connection to the end of its handshake. */
export const handshakeMs = 10_000;

/** Counts connections, in all and by address, and closes those whose handshake takes too long. */
export class ConnectionLimits {
  readonly #byAddress = new Map<string, number>();
  /** Handshakes that are not over, by the client's end. */
  readonly #handshakes = new Map<string, Timer>();
  readonly #clock: Clock;
  #open = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

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
    const end = endOf(socket);
    const late = (): unknown => socket.destroy();
    this.#handshakes.set(end, this.#clock.setTimer(handshakeMs, late, { unref: true }));
    socket.once('close', () => {
      this.#leave(address);
      this.#settle(end);
    });
    return true;
  }

  /** The handshake of a connection is over. */
  secured(socket: Socket): void {
    this.#settle(endOf(socket));
  }

  #settle(end: string): void {
    this.#handshakes.get(end)?.cancel();
    this.#handshakes.delete(end);
  }

  #leave(address: string): void {
    this.#open -= 1;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}

/** Names a connection, whichever of the sockets around it is asked. */
export const endOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress}/${remotePort}/${localAddress}/${localPort}`;

/** Ends a connection without another word: the TLS socket of HTTP/1.1, or the session of HTTP/2. */
export function cutOff(connection: object): void {
  if ('goaway' in connection)
    (connection as ServerHttp2Session).destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  else (connection as Socket).destroy();
}
