import { createSocket, type Socket } from 'node:dgram';
import { beatNodeId, beatPeriodMs, encodeBeat, firstBeatSequence } from '../../base/beat.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';

export interface Detector {
  readonly address: string;
  readonly port: number;
}

/**
 * Sends one beat to every detector each period. The times are multiples of the period from the start, so a late timer
 * does not delay all that follow; periods slept through are left out, not made up for.
 */
export class Beats {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #detectors: readonly Detector[];
  readonly #nodeId: number;
  readonly #key: Buffer;
  readonly #dataPlaneVersion: () => number;

  constructor(options: {
    readonly nodeName: string;
    /** This node's own key, derived from the cluster's. */
    readonly key: Buffer;
    readonly detectors: readonly Detector[];
    readonly dataPlaneVersion: () => number;
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#clock = options.clock;
    this.#logger = options.logger;
    this.#detectors = options.detectors;
    this.#nodeId = beatNodeId(options.nodeName);
    this.#key = options.key;
    this.#dataPlaneVersion = options.dataPlaneVersion;
  }

  run(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal.aborted) return resolve();
      const socket = createSocket('udp4');
      socket.on('error', (error) => this.#logger.warn({ err: error }, 'heartbeat socket'));
      const startMs = this.#clock.monotonicMs();
      let sequence = firstBeatSequence(this.#clock.nowMs());
      const tick = (): void => {
        sequence += 1;
        this.#send(socket, sequence);
        const elapsedMs = this.#clock.monotonicMs() - startMs;
        const nextMs = (Math.floor(elapsedMs / beatPeriodMs) + 1) * beatPeriodMs;
        timer = this.#clock.setTimer(nextMs - elapsedMs, tick);
      };
      let timer = this.#clock.setTimer(0, tick);
      signal.addEventListener(
        'abort',
        () => {
          timer.cancel();
          socket.close(() => resolve());
        },
        { once: true },
      );
    });
  }

  #send(socket: Socket, sequence: number): void {
    const datagram = encodeBeat(
      this.#nodeId,
      { sequence, dataPlaneVersion: this.#dataPlaneVersion() },
      this.#key,
    );
    for (const { address, port } of this.#detectors)
      socket.send(datagram, port, address, (error) => {
        // A cut link refuses to send: that beat is lost, and the next is due in half a second.
        if (error !== null) this.#logger.debug({ err: error, address }, 'send a beat');
      });
  }
}
