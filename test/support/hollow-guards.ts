import { createSocket, type Socket } from 'node:dgram';
import { beatNodeId, beatPeriodMs, deriveBeatKey, encodeBeat, firstBeatSequence } from '../../base/beat.ts';

interface Guard {
  readonly id: number;
  readonly key: Buffer;
  sequence: number;
}

/** Beats of many nodes from one socket, each in its own phase. A muted node sends none. */
export class HollowGuards {
  readonly #socket: Socket = createSocket('udp4');
  readonly #timers: NodeJS.Timeout[] = [];
  readonly muted: Set<string> = new Set();

  constructor(options: {
    readonly nodes: readonly string[];
    readonly clusterKey: Buffer;
    readonly port: number;
  }) {
    const { nodes, clusterKey, port } = options;
    for (const [i, name] of nodes.entries()) {
      const guard: Guard = {
        id: beatNodeId(name),
        key: deriveBeatKey(clusterKey, name),
        sequence: firstBeatSequence(Date.now()),
      };
      const start = setTimeout(
        () => this.#timers.push(setInterval(() => this.#beat(name, guard, port), beatPeriodMs)),
        (i * beatPeriodMs) / nodes.length,
      );
      this.#timers.push(start);
    }
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#socket.close();
  }

  #beat(name: string, guard: Guard, port: number): void {
    if (this.muted.has(name)) return;
    guard.sequence += 1;
    const datagram = encodeBeat(guard.id, { sequence: guard.sequence, dataPlaneVersion: 0 }, guard.key);
    this.#socket.send(datagram, port, '127.0.0.1');
  }
}
