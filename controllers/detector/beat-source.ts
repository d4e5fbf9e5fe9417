import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { blockFor } from '../../base/block.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import { Rests } from './rests.ts';

const receiveBufferBytes = 8 * 1024 * 1024;

/** Where a datagram came from, and an answer goes to. */
export interface Origin {
  readonly address: string;
  readonly port: number;
}

/** Where datagrams come from. */
export interface BeatSource {
  /** Gives every datagram to `receive` until `signal` aborts. @throws when it cannot be opened. */
  run(receive: (datagram: Buffer, from: Origin) => void, signal: AbortSignal): Promise<void>;
  /** What cannot be sent is lost. */
  send(datagram: Buffer, to: Origin): void;
  /** What arrives is given at once, until the function that it returns is called; else it may come a little later. */
  hurry(): () => void;
}

export interface UdpBeatSourceOptions {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A UDP socket. */
export class UdpBeatSource implements BeatSource {
  readonly #options: UdpBeatSourceOptions;
  readonly #rests: Rests;
  #socket: Socket | undefined;

  constructor(options: UdpBeatSourceOptions) {
    this.#options = options;
    this.#rests = new Rests({ clock: options.clock, block: blockFor });
  }

  hurry(): () => void {
    return this.#rests.stayAwake();
  }

  async run(receive: (datagram: Buffer, from: Origin) => void, signal: AbortSignal): Promise<void> {
    const { address, port, logger } = this.#options;
    const socket = createSocket({ type: 'udp4', lookup: asItIs });
    socket.on('message', (datagram, from) => {
      this.#rests.heard();
      receive(datagram, from);
    });
    // Before it is bound, which with an address at hand takes no time.
    const listening = once(socket, 'listening');
    socket.bind(port, address);
    await listening;
    this.#enlargeBuffer(socket);
    this.#socket = socket;
    logger.info({ address: socket.address() }, 'listening for beats');
    const failed = once(socket, 'error').then(([error]) => Promise.reject(error));
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.race([failed, aborted]);
    } finally {
      failed.catch(() => undefined);
      this.#socket = undefined;
      socket.close();
    }
  }

  send(datagram: Buffer, to: Origin): void {
    this.#socket?.send(datagram, to.port, to.address, (error) => {
      // The guard asks again.
      if (error !== null) this.#options.logger.debug({ err: error, address: to.address }, 'answer a guard');
    });
  }

  #enlargeBuffer(socket: Socket): void {
    try {
      socket.setRecvBufferSize(receiveBufferBytes);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'enlarge receive buffer');
    }
  }
}

/** Guards have addresses, no names. */
function asItIs(
  address: string,
  _options: unknown,
  found: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  found(null, address, 4);
}
