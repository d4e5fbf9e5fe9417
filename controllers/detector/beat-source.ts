import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { Logger } from '../../base/logger.ts';

const receiveBufferBytes = 8 * 1024 * 1024;

/** Sends a datagram back to where one came from. What cannot be sent is lost. */
export type Reply = (datagram: Buffer) => void;

/** Where datagrams come from. */
export interface BeatSource {
  /** Gives every datagram to `receive` until `signal` aborts. @throws when it cannot be opened. */
  run(receive: (datagram: Buffer, reply?: Reply) => void, signal: AbortSignal): Promise<void>;
}

export interface UdpBeatSourceOptions {
  readonly address: string;
  readonly port: number;
  readonly logger: Logger;
}

/** A UDP socket. */
export class UdpBeatSource implements BeatSource {
  readonly #options: UdpBeatSourceOptions;

  constructor(options: UdpBeatSourceOptions) {
    this.#options = options;
  }

  async run(receive: (datagram: Buffer, reply?: Reply) => void, signal: AbortSignal): Promise<void> {
    const { address, port, logger } = this.#options;
    const socket = createSocket({ type: 'udp4' });
    socket.on('message', (datagram, from) =>
      receive(datagram, (answer) =>
        socket.send(answer, from.port, from.address, (error) => {
          // The guard asks again with its next beat.
          if (error !== null) logger.debug({ err: error, address: from.address }, 'answer a guard');
        }),
      ),
    );
    socket.bind(port, address);
    await once(socket, 'listening');
    this.#enlargeBuffer(socket);
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
      socket.close();
    }
  }

  #enlargeBuffer(socket: Socket): void {
    try {
      socket.setRecvBufferSize(receiveBufferBytes);
    } catch (error) {
      this.#options.logger.warn({ err: error }, 'enlarge receive buffer');
    }
  }
}
