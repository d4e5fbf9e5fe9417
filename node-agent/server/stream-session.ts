import type { Writable } from 'node:stream';
import { messageOf } from '../../base/invariant.ts';
import type { ExecSession } from '../runtime/runtime.ts';
import { type RemoteStreams, writeTo } from './remote-streams.ts';
import { exitStatus, failureStatus, type TerminalSize } from './stream-channels.ts';

export interface StreamSessionOptions {
  readonly streams: RemoteStreams;
  readonly session: ExecSession;
  readonly command: readonly string[];
}

/**
 * Joins a client and a process: streams both ways, then how the process ended. Resolves when both are done. A process
 * whose client goes is killed; an attached container only loses its viewer.
 */
export async function runStreamSession({ streams, session, command }: StreamSessionOptions): Promise<void> {
  const size = new LastingSize(session);
  streams.onResize((next) => size.set(next));
  void streams.closed.then(() => {
    session.stdin?.end();
    session.kill();
  });
  joinInput(streams, session);
  const copies = [copyOut(session.stdout, streams.stdout, () => size.repeat())];
  if (session.stderr !== undefined) copies.push(copyOut(session.stderr, streams.stderr));
  try {
    const [exitCode] = await Promise.all([session.exit, ...copies]);
    await streams.finish(exitStatus(exitCode, command));
  } catch (error) {
    await streams.finish(failureStatus(messageOf(error)));
  }
}

function joinInput({ stdin }: RemoteStreams, session: ExecSession): void {
  if (stdin === undefined) return;
  const target = session.stdin;
  if (target === undefined) {
    stdin.resume();
    return;
  }
  // A process that has closed its input wants no more of it; the rest is read and dropped.
  target.on('error', () => undefined);
  target.on('close', () => stdin.resume());
  stdin.pipe(target);
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

/** A slow client slows the process down, never this server. Output that nobody takes is read all the same. */
async function copyOut(
  from: AsyncIterable<string | Buffer>,
  to: Writable | undefined,
  onFirst?: () => void,
): Promise<void> {
  let isFirst = true;
  for await (const chunk of from) {
    if (isFirst) onFirst?.();
    isFirst = false;
    if (to !== undefined) await writeTo(to, typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  }
}
