import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { TurnQueue } from '../watch-cache/turn-queue.ts';

/** What the end of a connection sets going. */
const ends: ReadonlySet<string | symbol> = new Set(['end', 'close']);

/**
 * The ends of connections come in turns of the event loop. When a program with a hundred connections dies, all of them
 * end in one poll of the sockets, and Node closes each with its streams, a hundred watches or a thousand, in one go: a
 * tenth of a second for 10,000.
 *
 * Cost: a look at the name of each event of a connection's socket.
 */
export class PacedEnds {
  readonly #turns: TurnQueue;

  constructor(clock: Clock) {
    this.#turns = new TurnQueue({ clock });
  }

  /** Whoever listens to `socket`, now or later, learns of its end when its turn has come. */
  pace(socket: Duplex): void {
    const emit = socket.emit;
    socket.emit = (event: string | symbol, ...values: unknown[]): boolean => {
      if (!ends.has(event)) return Reflect.apply(emit, socket, [event, ...values]);
      this.#turns.add(() => {
        Reflect.apply(emit, socket, [event, ...values]);
        if (event === 'end' && socket.writable) socket.end();
      });
      return true;
    };
    // Else Node itself answers an end by one, at once.
    socket.allowHalfOpen = true;
  }
}
