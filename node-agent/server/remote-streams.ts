import { PassThrough, type Readable, type Writable } from 'node:stream';
import type { TerminalSize } from './stream-channels.ts';

/** What a client has of a process, whatever protocol carries it. */
export interface RemoteStreams {
  /** Left out: the client has none, or does not want it. */
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  onResize(listener: (size: TerminalSize) => void): void;
  /** Tells how it ended; then nothing follows. */
  finish(status: object): Promise<void>;
  /** The client has gone, or has been told the end. */
  readonly closed: Promise<void>;
}

/** Which streams a request asks for. */
export interface WantedStreams {
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
  readonly tty: boolean;
}

/** Resolves when the stream has taken the chunk, or has failed: who is gone needs nothing more. */
export function writeTo(stream: Writable, chunk: Buffer): Promise<void> {
  return new Promise((resolve) => {
    if (stream.destroyed || stream.writableEnded) resolve();
    else stream.write(chunk, () => resolve());
  });
}

/** Input that comes in messages. `push` says whether the sender may go on; else `onRoom` is called when it may. */
export class PushedInput {
  readonly stream: PassThrough = new PassThrough();

  push(data: Buffer, onRoom: () => void): boolean {
    if (this.stream.destroyed || this.stream.writableEnded || data.length === 0) return true;
    if (this.stream.write(data)) return true;
    const once = (): void => {
      this.stream.removeListener('drain', once);
      this.stream.removeListener('close', once);
      onRoom();
    };
    this.stream.once('drain', once);
    this.stream.once('close', once);
    return false;
  }

  end(): void {
    this.stream.end();
  }
}
