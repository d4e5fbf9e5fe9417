import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { readSync } from 'node:fs';
import type { Origin } from '../../base/beat.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { BeatPace } from './beat-pace.ts';
import { type UdpHandle, udpHandleOf } from './udp-handle.ts';

const receiveBufferBytes = 8 * 1024 * 1024;
/** Longer than any that a guard sends: what fills it is no beat. */
const longestDatagram = 64;
/** In one turn: others' turns come too, however fast datagrams do. */
const maxPerReading = 16_384;

/** Where datagrams come from. */
export interface BeatSource {
  /** Gives every datagram to `receive` until `signal` aborts; its bytes stand only for the call. @throws when it cannot be opened. */
  run(receive: (datagram: Buffer) => void, signal: AbortSignal): Promise<void>;
  /** What cannot be sent is lost. */
  send(datagram: Buffer, to: Origin): void;
  /** Gives all that has arrived. @returns false when it cannot: then that is given within two turns of the event loop */
  readAll(): boolean;
  /** While somebody waits for what arrives it comes within some milliseconds. */
  hurry(isHurried: boolean): void;
}

export interface UdpBeatSourceOptions {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A UDP socket. Few datagrams are events, many are read at intervals (`beat-pace.ts`). */
export class UdpBeatSource implements BeatSource {
  readonly #options: UdpBeatSourceOptions;
  /** Datagrams of each length, all in the same memory: nothing is made for one that is read. */
  readonly #byLength: readonly Buffer[];
  readonly #longest: Buffer = Buffer.alloc(longestDatagram);
  #socket: Socket | undefined;
  #receive: (datagram: Buffer) => void = () => undefined;
  #handle: UdpHandle | undefined;
  #pace: BeatPace | undefined;
  #isHurried = false;
  #isStopped = false;
  #reading: Timer | undefined;

  constructor(options: UdpBeatSourceOptions) {
    this.#options = options;
    this.#byLength = Array.from({ length: longestDatagram + 1 }, (_, length) =>
      this.#longest.subarray(0, length),
    );
  }

  hurry(isHurried: boolean): void {
    if (this.#isHurried === isHurried) return;
    this.#isHurried = isHurried;
    if (this.#isStopped) this.#readLater();
  }

  async run(receive: (datagram: Buffer) => void, signal: AbortSignal): Promise<void> {
    const { address, port, logger } = this.#options;
    this.#receive = receive;
    const socket = createSocket({ type: 'udp4', lookup: asItIs });
    socket.on('message', (datagram) => {
      receive(datagram);
      this.#heard(1);
    });
    // Before it is bound, which with an address at hand takes no time.
    const listening = once(socket, 'listening');
    socket.bind(port, address);
    await listening;
    this.#enlargeBuffer(socket);
    this.#socket = socket;
    this.#pace = new BeatPace({ clock: this.#options.clock, bufferBytes: socket.getRecvBufferSize() });
    this.#handle = udpHandleOf(socket);
    if (this.#handle === undefined) logger.warn({}, 'datagrams cannot be read together');
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
      this.#reading?.cancel();
      this.#handle = undefined;
      this.#socket = undefined;
      socket.close();
    }
  }

  /** Without a callback: it would take as long as the sending. What the kernel refuses is lost, and the guard asks again. */
  send(datagram: Buffer, { address, port }: Origin): void {
    this.#socket?.send(datagram, port, address);
  }

  /** @throws what the kernel says of a socket that cannot be read */
  readAll(): boolean {
    const handle = this.#handle;
    if (handle === undefined) return false;
    let count = 0;
    for (; count < maxPerReading; count += 1) {
      const length = readFrom(handle, this.#longest);
      if (length === undefined) break;
      this.#receive(this.#byLength[length] ?? this.#longest);
    }
    this.#heard(count);
    if (this.#isStopped) this.#readLater();
    return true;
  }

  #heard(count: number): void {
    const [handle, pace] = [this.#handle, this.#pace];
    if (handle === undefined || pace === undefined) return;
    pace.heard(count);
    if (pace.isOften === this.#isStopped) return;
    this.#isStopped = pace.isOften;
    if (this.#isStopped) {
      handle.recvStop();
      this.#readLater();
    } else {
      this.#reading?.cancel();
      handle.recvStart();
    }
  }

  /** The event loop no longer reads. Who reads in between puts it off. */
  #readLater(): void {
    this.#reading?.cancel();
    const intervalMs = this.#pace?.intervalMs(this.#isHurried) ?? 0;
    this.#reading = this.#options.clock.setTimer(intervalMs, () => {
      try {
        this.readAll();
      } catch (error) {
        this.#socket?.emit('error', error);
      }
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

/** @returns how many bytes; undefined when nothing has arrived */
function readFrom({ fd }: UdpHandle, into: Buffer): number | undefined {
  try {
    return readSync(fd, into, 0, longestDatagram, null);
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EAGAIN' || code === 'EINTR') return undefined;
    throw error;
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
