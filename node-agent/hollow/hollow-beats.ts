import { createSocket, type Socket } from 'node:dgram';
import { beatPeriodMs, encodeBeat, nextBeatSequence } from '../../base/beat.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Detector } from '../guard/beats.ts';
import type { HollowNode } from './hollow-node.ts';
import { Rota } from './rota.ts';

export interface HollowBeatsOptions {
  readonly nodes: readonly HollowNode[];
  readonly detectors: readonly Detector[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * The beats of all nodes from one socket, each node in its own phase of the period. They carry version 0: a node
 * without a data plane holds nobody back.
 */
export class HollowBeats {
  readonly #options: HollowBeatsOptions;

  constructor(options: HollowBeatsOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { nodes, clock, logger } = this.#options;
    const socket = createSocket('udp4');
    socket.on('error', (error) => logger.warn({ err: error }, 'heartbeat socket'));
    const visit = (index: number): void => {
      const node = nodes[index];
      if (node?.power === 'on') this.#beat(socket, node);
    };
    await new Rota({ clock, periodMs: beatPeriodMs, count: nodes.length, visit }).run(signal);
    socket.close();
  }

  #beat(socket: Socket, node: HollowNode): void {
    const { detectors, clock } = this.#options;
    node.beatSequence = nextBeatSequence(node.beatSequence, clock.nowMs());
    const beat = { sequence: node.beatSequence, dataPlaneVersion: 0 };
    const datagram = encodeBeat(node.beatId, beat, node.beatKey);
    // What cannot be sent is lost: the next one is due in half a second.
    for (const { address, port } of detectors) socket.send(datagram, port, address, ignoreLoss);
  }
}

function ignoreLoss(): void {}
