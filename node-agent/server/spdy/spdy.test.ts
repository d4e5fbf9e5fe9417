import { type Duplex, duplexPair } from 'node:stream';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventually } from '../../../test/support/eventually.ts';
import { SpdyConnection } from './connection.ts';
import { dataFrame, type Frame, FrameParser, pingFrame, resetFrame, streamFrame } from './frames.ts';
import { HeaderReader, HeaderWriter, spdyDictionary } from './header-block.ts';
import type { SpdyStream } from './stream.ts';

const headers = (text: string): Map<string, string> => new Map([['streamtype', text]]);

test('headers come through, block after block, whatever they hold', async () => {
  const pairs = fc.dictionary(fc.stringMatching(/^[a-z-]{1,12}$/), fc.string(), { maxKeys: 8 });
  const property = fc.asyncProperty(fc.array(pairs, { maxLength: 6 }), async (blocks) => {
    const writer = new HeaderWriter();
    const reader = new HeaderReader();
    for (const block of blocks) {
      const sent = new Map(Object.entries(block));
      expect(await reader.read(writer.write(sent))).toEqual(sent);
    }
    reader.close();
  });
  await fc.assert(property, { numRuns: 50 });
});

test('the dictionary is the one that other implementations have', () => {
  expect(spdyDictionary.length).toBe(1_423);
  // The checksum of the dictionary stands in the first block.
  expect(new HeaderWriter().write(new Map()).subarray(0, 6).toString('hex')).toBe('78bbe3c6a7c2');
});

test('a block that is cut off, or no block, is an error', async () => {
  const writer = new HeaderWriter();
  const block = writer.write(headers('data'));
  await expect(new HeaderReader().read(Buffer.from('not compressed'))).rejects.toThrow();
  await expect(new HeaderReader().read(block.subarray(0, block.length - 8))).rejects.toThrow();
});

/** Frames with pieces of data joined again. */
function whole(frames: Iterable<Frame>): Frame[] {
  const joined: Frame[] = [];
  for (const frame of frames) {
    const last = joined.at(-1);
    if (frame.kind === 'data' && last?.kind === 'data' && last.id === frame.id && !last.fin)
      joined[joined.length - 1] = { ...frame, data: Buffer.concat([last.data, frame.data]) };
    else joined.push(frame);
  }
  return joined;
}

test('frames are the same however the bytes are cut', () => {
  const writer = new HeaderWriter();
  const bytes = Buffer.concat([
    streamFrame(1, writer.write(headers('error'))),
    dataFrame(1, Buffer.from('hello world')),
    pingFrame(7),
    dataFrame(1, Buffer.alloc(0), true),
    resetFrame(3, 5),
  ]);
  const expected = whole(new FrameParser().read(bytes));
  expect(expected.map(({ kind }) => kind)).toEqual(['stream', 'data', 'ping', 'data', 'reset']);
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }), (cuts) => {
      const parser = new FrameParser();
      const frames: Frame[] = [];
      for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
        const end = at + (cuts[turn % cuts.length] ?? 1);
        frames.push(...parser.read(bytes.subarray(at, end)));
        at = end;
      }
      expect(whole(frames)).toEqual(expected);
    }),
  );
});

test('what is not SPDY/3 is refused', () => {
  expect(() => [...new FrameParser().read(Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 0]))]).toThrow('version');
  expect(() => [...new FrameParser().read(Buffer.from([0x80, 3, 0, 1, 0, 1, 0, 1]))]).toThrow('too long');
});

interface Peer {
  readonly wire: Duplex;
  readonly frames: Frame[];
  readonly streams: SpdyStream[];
  readonly ended: Promise<void>;
  open(id: number): void;
}

function connect(): Peer {
  const [wire, transport] = duplexPair();
  const streams: SpdyStream[] = [];
  const frames: Frame[] = [];
  const parser = new FrameParser();
  const writer = new HeaderWriter();
  wire.on('data', (chunk: Buffer) => frames.push(...parser.read(chunk)));
  const connection = new SpdyConnection(transport, (stream) => streams.push(stream));
  const ended = connection.run();
  const open = (id: number): void => void wire.write(streamFrame(id, writer.write(headers(`stream ${id}`))));
  return { wire, frames, streams, ended, open };
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

const until = (condition: () => boolean): Promise<void> => eventually(() => expect(condition()).toBe(true));

test('a stream carries bytes both ways, and each half ends for itself', async () => {
  const { wire, frames, streams, open } = connect();
  open(1);
  wire.write(dataFrame(1, Buffer.from('to the server'), true));
  await until(() => streams.length === 1);
  const stream = streams[0];
  expect(stream?.headers.get('streamtype')).toBe('stream 1');
  let got = '';
  stream?.duplex.on('data', (chunk: Buffer) => {
    got += chunk.toString();
  });
  stream?.duplex.once('end', () => stream.duplex.end('after its end'));
  await until(() => frames.some((frame) => frame.kind === 'data' && frame.fin));
  expect(got).toBe('to the server');
  expect(frames.flatMap((frame) => (frame.kind === 'data' ? [frame.data.toString()] : [])).join('')).toBe(
    'after its end',
  );
});

test('pings are answered, a stream that is opened twice is refused', async () => {
  const { wire, frames, open } = connect();
  open(3);
  wire.write(pingFrame(9));
  open(3);
  open(4);
  await until(() => frames.filter(({ kind }) => kind === 'reset').length === 2);
  expect(frames).toContainEqual({ kind: 'ping', id: 9 });
  expect(frames.filter(({ kind }) => kind === 'headers')).toHaveLength(1);
});

test('a stream that nobody reads holds the sender up, and is read to its end later', async () => {
  const { wire, streams, open } = connect();
  const piece = Buffer.alloc(32 * 1024, 'x');
  const pieces = 64;
  open(1);
  await until(() => streams.length === 1);
  let sent = 0;
  for (let turn = 0; turn < pieces; turn += 1) wire.write(dataFrame(1, piece), () => (sent += 1));
  await settled();
  expect(sent).toBeLessThan(pieces / 2);
  let read = 0;
  streams[0]?.duplex.on('data', (chunk: Buffer) => {
    read += chunk.length;
  });
  await until(() => read === pieces * piece.length);
});

test('a reset, and the end of the connection, destroy streams', async () => {
  const { wire, streams, open, ended, frames } = connect();
  for (const id of [1, 3, 5]) open(id);
  await until(() => streams.length === 3);
  wire.write(resetFrame(1, 5));
  await until(() => streams[0]?.duplex.destroyed === true);
  expect(streams[1]?.duplex.destroyed).toBe(false);
  streams[1]?.duplex.destroy();
  await until(() => frames.some((frame) => frame.kind === 'reset' && frame.id === 3));
  expect(frames.some((frame) => frame.kind === 'reset' && frame.id === 1)).toBe(false);
  wire.end();
  await ended;
  expect(streams[2]?.duplex.destroyed).toBe(true);
});
