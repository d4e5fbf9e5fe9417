import type { Writable } from 'node:stream';
import { type Clock, delay } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { ExecSession } from '../runtime/runtime.ts';
import { type RemoteStreams, writeTo } from './remote-streams.ts';
import { exitStatus, failureStatus, type TerminalSize } from './stream-channels.ts';

/** Clients with a terminal send its size at once; on a busy machine that can take a while. */
const firstSizeWaitMs = 300;

export interface StreamSessionOptions {
  readonly streams: RemoteStreams;
  readonly sizes: TerminalSizes;
  readonly session: ExecSession;
  /** Left out for a viewer of a container, whose own exit code stands in the pod's status. */
  readonly command?: readonly string[];
}

/**
 * Joins a client and a process: streams both ways, then how the process ended. Resolves when both are done. A process
 * whose client goes is killed; an attached container only loses its viewer.
 */
export async function runStreamSession({
  streams,
  sizes,
  session,
  command,
}: StreamSessionOptions): Promise<void> {
  sizes.follow(session);
  void streams.closed.then(() => {
    session.stdin?.end();
    session.kill();
  });
  joinInput(streams, session);
  const copies = [copyOut(session.stdout, streams.stdout, () => sizes.repeat())];
  if (session.stderr !== undefined) copies.push(copyOut(session.stderr, streams.stderr));
  try {
    const [exitCode] = await Promise.all([session.exit, ...copies]);
    await streams.finish(command === undefined ? exitStatus(0, []) : exitStatus(exitCode, command));
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

/** What a client says of its terminal's size. */
export class TerminalSizes {
  readonly #first = Promise.withResolvers<TerminalSize>();
  #last: TerminalSize | undefined;
  #session: ExecSession | undefined;

  constructor(streams: RemoteStreams) {
    streams.onResize((size) => {
      this.#last = size;
      this.#first.resolve(size);
      this.repeat();
    });
  }

  /** The first size, for a process that is yet to begin. kubectl sends it at once; who sends none is not waited for. */
  first(clock: Clock): Promise<TerminalSize | undefined> {
    const waiting = new AbortController();
    const none = delay(clock, firstSizeWaitMs, waiting.signal).then(() => undefined);
    return Promise.race([this.#first.promise, none]).finally(() => waiting.abort());
  }

  follow(session: ExecSession): void {
    this.#session = session;
    this.repeat();
  }

  /** A size that comes before the process has its terminal is given to it again with its first output. */
  repeat(): void {
    if (this.#last !== undefined) this.#session?.resize(this.#last.rows, this.#last.columns);
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
