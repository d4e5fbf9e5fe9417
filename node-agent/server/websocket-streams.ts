import { Writable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { PushedInput, type RemoteStreams, type WantedStreams } from './remote-streams.ts';
import {
  type ChannelCodec,
  channels,
  codecOf,
  errorText,
  parseResize,
  type TerminalSize,
} from './stream-channels.ts';

/** A process' streams as channels of one WebSocket. Reading pauses while the process takes no input. */
export function webSocketStreams(socket: WebSocket, wanted: WantedStreams): RemoteStreams {
  const protocol = socket.protocol;
  const codec = codecOf(protocol);
  const input = wanted.stdin ? new PushedInput() : undefined;
  const sizes = new Sizes();
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  socket.on('message', (raw) => {
    const { channel, data } = codec.decode(toBuffer(raw));
    if (channel === channels.stdin && input !== undefined) {
      if (!input.push(data, () => socket.resume())) socket.pause();
    } else if (channel === channels.resize) {
      const size = parseResize(data);
      if (size !== undefined) sizes.set(size);
    } else if (channel === channels.close && data[0] === channels.stdin) input?.end();
  });
  socket.once('close', () => input?.end());
  return {
    stdin: input?.stream,
    stdout: wanted.stdout ? channelOutput(socket, codec, channels.stdout) : undefined,
    stderr: wanted.stderr && !wanted.tty ? channelOutput(socket, codec, channels.stderr) : undefined,
    onResize: (listener) => sizes.listen(listener),
    finish: async (status) => {
      if (socket.readyState !== socket.OPEN) return;
      const text = errorText(status, protocol);
      if (text !== undefined) socket.send(codec.encode(channels.error, Buffer.from(text)));
      // What the client still sends is not wanted, but its close must be read.
      socket.resume();
      socket.close(1000);
    },
    closed,
  };
}

export function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

/** Done when the socket has taken the message, or has closed, which its own event tells of. */
export function channelOutput(socket: WebSocket, codec: ChannelCodec, channel: number): Writable {
  return new Writable({
    write: (chunk: Buffer, _encoding, done) => socket.send(codec.encode(channel, chunk), () => done()),
  });
}

/** The newest size, also for a listener that comes after it. */
class Sizes {
  #last: TerminalSize | undefined;
  #listener: ((size: TerminalSize) => void) | undefined;

  set(size: TerminalSize): void {
    this.#last = size;
    this.#listener?.(size);
  }

  listen(listener: (size: TerminalSize) => void): void {
    this.#listener = listener;
    if (this.#last !== undefined) listener(this.#last);
  }
}
