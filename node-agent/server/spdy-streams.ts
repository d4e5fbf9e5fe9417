/** exec and attach over SPDY: the client opens one stream for each of the process' and one for how it ended. */
import type { Duplex } from 'node:stream';
import { type Clock, delay } from '../../base/clock.ts';
import type { RemoteStreams, WantedStreams } from './remote-streams.ts';
import { SpdyConnection } from './spdy/connection.ts';
import type { SpdyStream } from './spdy/stream.ts';
import { errorText, parseResize, type TerminalSize } from './stream-channels.ts';

/** For the client to open all the streams that it asked for, and to close when it has been told the end. */
const creationTimeoutMs = 30_000;
const closingTimeoutMs = 10_000;
/** One size is some thirty bytes of JSON. */
const maxSizeBytes = 1_024;

/** Best first. From version 3 on a terminal has a stream of sizes, from version 4 on errors have structure. */
export const spdyCommandProtocols = [
  'v4.channel.k8s.io',
  'v3.channel.k8s.io',
  'v2.channel.k8s.io',
  'channel.k8s.io',
] as const;

type Names = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

export interface SpdyStreamsOptions {
  readonly transport: Duplex;
  readonly protocol: string;
  readonly wanted: WantedStreams;
  readonly clock: Clock;
}

/** Resolves when the client has opened its streams. @throws Error when it does not within 30 s, or goes */
export async function spdyStreams(options: SpdyStreamsOptions): Promise<RemoteStreams> {
  const { transport, protocol, wanted, clock } = options;
  const expected = namesOf(wanted, protocol);
  const opened = new Map<Names, SpdyStream>();
  const all = Promise.withResolvers<void>();
  const connection = new SpdyConnection(transport, (stream) => {
    const name = expected.find((known) => known === stream.headers.get('streamtype')?.toLowerCase());
    if (name === undefined) return void stream.duplex.destroy();
    opened.set(name, stream);
    if (opened.size === expected.length) all.resolve();
  });
  const closed = connection.run().catch(() => undefined);
  await allOpened({ all: all.promise, closed, clock }).catch((error: unknown) => {
    connection.destroy();
    throw error;
  });
  const duplexOf = (name: Names): Duplex | undefined => opened.get(name)?.duplex;
  return {
    stdin: duplexOf('stdin'),
    stdout: duplexOf('stdout'),
    stderr: duplexOf('stderr'),
    onResize: (listener) => readSizes(duplexOf('resize'), listener),
    finish: async (status) => {
      const text = errorText(status, protocol);
      duplexOf('error')?.end(text ?? '');
      for (const name of ['stdout', 'stderr', 'stdin', 'resize'] as const) duplexOf(name)?.end();
      // What the client still sends is not wanted, but its end must be read.
      duplexOf('stdin')?.resume();
      connection.goAway();
      const timer = clock.setTimer(closingTimeoutMs, () => connection.destroy());
      await closed;
      timer.cancel();
    },
    closed,
  };
}

function namesOf({ stdin, stdout, stderr, tty }: WantedStreams, protocol: string): Names[] {
  const names: Names[] = ['error'];
  if (stdin) names.push('stdin');
  if (stdout) names.push('stdout');
  if (stderr && !tty) names.push('stderr');
  if (tty && /^v[34]\./.test(protocol)) names.push('resize');
  return names;
}

async function allOpened(wait: {
  readonly all: Promise<void>;
  readonly closed: Promise<void>;
  readonly clock: Clock;
}): Promise<void> {
  const timer = new AbortController();
  try {
    const ended = wait.closed.then(() => {
      throw new Error('the client has gone');
    });
    const late = delay(wait.clock, creationTimeoutMs, timer.signal).then(() => {
      if (!timer.signal.aborted) throw new Error('timed out waiting for the client to create streams');
    });
    await Promise.race([wait.all, ended, late]);
  } finally {
    timer.abort();
  }
}

/** JSON objects one after another, in whatever pieces they come. */
function readSizes(stream: Duplex | undefined, listener: (size: TerminalSize) => void): void {
  let text = '';
  stream?.on('data', (data: Buffer) => {
    text += data.toString();
    for (let end = text.indexOf('}'); end >= 0; end = text.indexOf('}')) {
      const size = parseResize(Buffer.from(text.slice(0, end + 1)));
      text = text.slice(end + 1);
      if (size !== undefined) listener(size);
    }
    if (text.length > maxSizeBytes) text = '';
  });
}
