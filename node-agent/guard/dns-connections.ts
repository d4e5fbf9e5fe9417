/** DNS over TCP: messages with two bytes of length before each, and what bounds a client who holds connections, sends slowly or reads nothing. */
import type { Socket } from 'node:net';
import type { Clock, Timer } from '../../base/clock.ts';

/** In all; one more is closed. */
const maxTcpConnections = 256;
/** From one address: no pod takes them all. */
export const maxTcpConnectionsPerAddress = 64;
/** From the beginning, or the last whole message or answer, to the next whole message. Single bytes gain nobody time. */
const tcpIdleMs = 10_000;
/** Answers that a client does not read. */
const maxUnreadBytes = 1024 * 1024;

const lengthBytes = 2;

export interface DnsConnectionsOptions {
  readonly clock: Clock;
  /** `reply` is called once or never. */
  answer(message: Buffer, reply: (answer: Buffer) => void): void;
}

export class DnsConnections {
  readonly #options: DnsConnectionsOptions;
  readonly #open = new Set<Socket>();
  readonly #byAddress = new Map<string, number>();

  constructor(options: DnsConnectionsOptions) {
    this.#options = options;
  }

  /** Serves a connection, or closes it when there are too many. */
  accept(socket: Socket): void {
    // The client is gone: nobody is left to answer.
    socket.on('error', () => undefined);
    const address = socket.remoteAddress ?? '';
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (this.#open.size >= maxTcpConnections || ofAddress >= maxTcpConnectionsPerAddress) {
      socket.destroy();
      return;
    }
    this.#open.add(socket);
    this.#byAddress.set(address, ofAddress + 1);
    socket.once('close', () => this.#leave(socket, address));
    this.#serve(socket);
  }

  closeAll(): void {
    for (const socket of this.#open) socket.destroy();
  }

  #leave(socket: Socket, address: string): void {
    this.#open.delete(socket);
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }

  #serve(socket: Socket): void {
    const { clock, answer } = this.#options;
    let idle: Timer | undefined;
    const wait = (): void => {
      idle?.cancel();
      if (!socket.destroyed) idle = clock.setTimer(tcpIdleMs, () => socket.destroy());
    };
    wait();
    socket.once('close', () => idle?.cancel());
    const reply = (message: Buffer): void => {
      if (!socket.writable) return;
      socket.write(framed(message));
      if (socket.writableLength > maxUnreadBytes) socket.destroy();
      else wait();
    };
    let received = Buffer.alloc(0);
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk]);
      for (let message = firstOf(received); message !== undefined; message = firstOf(received)) {
        received = received.subarray(lengthBytes + message.length);
        wait();
        answer(message, reply);
      }
    });
  }
}

function firstOf(received: Buffer): Buffer | undefined {
  if (received.length < lengthBytes) return undefined;
  const end = lengthBytes + received.readUInt16BE(0);
  return received.length < end ? undefined : received.subarray(lengthBytes, end);
}

function framed(message: Buffer): Buffer {
  const head = Buffer.allocUnsafe(lengthBytes);
  head.writeUInt16BE(message.length);
  return Buffer.concat([head, message]);
}
