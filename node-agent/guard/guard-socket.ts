import { mkdirSync, rmSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { dirname } from 'node:path';
import type { Logger } from '../../base/logger.ts';
import type { GuardReport, GuardUpdate } from './guard-protocol.ts';
import { readLines } from './read-lines.ts';

export interface GuardSocketOptions {
  readonly path: string;
  readonly apply: (update: GuardUpdate) => void;
  readonly onAgentCame: () => void;
  /** The last connection has ended. */
  readonly onAgentGone: () => void;
  readonly logger: Logger;
}

/** The guard's end of the socket on which the agent tells what it knows. */
export class GuardSocket {
  readonly #options: GuardSocketOptions;
  readonly #connections = new Set<Socket>();

  constructor(options: GuardSocketOptions) {
    this.#options = options;
  }

  tell(report: GuardReport): void {
    for (const socket of this.#connections) socket.write(`${JSON.stringify(report)}\n`);
  }

  /** Listens for the agent until `signal` aborts. A socket file that a dead guard has left is replaced. */
  run(signal: AbortSignal): Promise<void> {
    const { path } = this.#options;
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { force: true });
    return new Promise((resolve, reject) => {
      const server = createServer((socket) => this.#accept(socket));
      server.on('error', reject);
      server.on('close', () => resolve());
      server.listen(path);
      signal.addEventListener(
        'abort',
        () => {
          for (const socket of this.#connections) socket.destroy();
          server.close();
        },
        { once: true },
      );
    });
  }

  #accept(socket: Socket): void {
    const { apply, onAgentCame, onAgentGone, logger } = this.#options;
    this.#connections.add(socket);
    onAgentCame();
    socket.on('close', () => {
      this.#connections.delete(socket);
      if (this.#connections.size === 0) onAgentGone();
    });
    // A dying agent resets the connection; the next one connects anew.
    socket.on('error', (error) => logger.debug({ err: error }, 'agent connection'));
    readLines(socket, apply, logger);
  }
}
