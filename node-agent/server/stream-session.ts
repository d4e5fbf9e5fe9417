import type { RawData, WebSocket } from 'ws';
import { messageOf } from '../../base/invariant.ts';
import type { ExecSession } from '../runtime/runtime.ts';
import {
  channels,
  errorText,
  exitStatus,
  failureStatus,
  parseResize,
  type StreamProtocol,
  type TerminalSize,
  toMessage,
} from './stream-channels.ts';

export interface StreamSessionOptions {
  readonly socket: WebSocket;
  readonly protocol: StreamProtocol;
  readonly session: ExecSession;
  readonly command: readonly string[];
  readonly wants: { readonly stdout: boolean; readonly stderr: boolean };
}

/** Joins a WebSocket and a process: streams both ways, then how the process ended. Resolves when both are done. */
export async function runStreamSession(options: StreamSessionOptions): Promise<void> {
  const { socket, session, wants } = options;
  const size = new LastingSize(session);
  socket.on('message', (data) => receive(session, size, toBuffer(data)));
  socket.on('close', () => {
    session.stdin?.end();
    session.kill();
  });
  socket.resume();
  session.stdin?.on('error', () => undefined);
  const copies = [
    copyOut(
      socket,
      channels.stdout,
      firstly(session.stdout, () => size.repeat()),
      wants.stdout,
    ),
  ];
  if (session.stderr !== undefined)
    copies.push(copyOut(socket, channels.stderr, session.stderr, wants.stderr));
  try {
    const [exitCode] = await Promise.all([session.exit, ...copies]);
    finish(options, exitStatus(exitCode, options.command));
  } catch (error) {
    finish(options, failureStatus(messageOf(error)));
  }
}

export function finish(
  { socket, protocol }: Pick<StreamSessionOptions, 'socket' | 'protocol'>,
  status: object,
): void {
  if (socket.readyState !== socket.OPEN) return;
  const text = errorText(status, protocol);
  if (text !== undefined) socket.send(toMessage(channels.error, Buffer.from(text)));
  socket.close(1000);
}

/** A size that comes before the process has its terminal is given to it again with its first output. */
class LastingSize {
  readonly #session: ExecSession;
  #size: TerminalSize | undefined;

  constructor(session: ExecSession) {
    this.#session = session;
  }

  set(size: TerminalSize): void {
    this.#size = size;
    this.#session.resize(size.rows, size.columns);
  }

  repeat(): void {
    if (this.#size !== undefined) this.set(this.#size);
  }
}

function receive(session: ExecSession, terminal: LastingSize, message: Buffer): void {
  const data = message.subarray(1);
  switch (message[0]) {
    case channels.stdin:
      if (data.length > 0) session.stdin?.write(data);
      return;
    case channels.resize: {
      const size = parseResize(data);
      if (size !== undefined) terminal.set(size);
      return;
    }
    case channels.close:
      if (data[0] === channels.stdin) session.stdin?.end();
      return;
    default:
  }
}

function toBuffer(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}

async function* firstly(stream: NodeJS.ReadableStream, run: () => void): AsyncGenerator<string | Buffer> {
  let isFirst = true;
  for await (const chunk of stream) {
    if (isFirst) run();
    isFirst = false;
    yield chunk;
  }
}

/** A slow client slows the process down, never this server. */
async function copyOut(
  socket: WebSocket,
  channel: number,
  stream: AsyncIterable<string | Buffer>,
  wanted: boolean,
): Promise<void> {
  for await (const chunk of stream) {
    if (!wanted || socket.readyState !== socket.OPEN) continue;
    await send(socket, toMessage(channel, typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  }
}

function send(socket: WebSocket, message: Buffer): Promise<void> {
  return new Promise((resolve) => {
    // An error means that the socket has closed, which its own event tells of.
    socket.send(message, () => resolve());
  });
}
