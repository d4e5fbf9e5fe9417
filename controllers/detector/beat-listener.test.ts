import { describe, expect, it } from 'vitest';
import { beatNodeId, decodeAnswer, deriveAnswerKey, deriveBeatKey, encodeBeat } from '../../base/beat.ts';
import { decodeConfirmation, encodeRenewal, type LoadFigures } from '../../base/beat-renewal.ts';
import { silentLogger } from '../../base/logger.ts';
import { sipHash48, toSipKey } from '../../base/sip-hash.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { BeatListener } from './beat-listener.ts';
import type { Origin } from './beat-source.ts';

const clusterKey = Buffer.from('cluster');
const key = deriveBeatKey(clusterKey, 'host-1');
const id = beatNodeId('host-1');
const home: Origin = { address: '10.9.0.1', port: 5_000 };
const load: LoadFigures = {
  cpuMillis: 250,
  memoryBytes: 2 ** 40,
  pressure: { cpu: 0.4143, memory: 0, io: 1 },
};

interface Ear {
  readonly heard: unknown[][];
  readonly sent: [Buffer, Origin][];
  readonly listener: BeatListener;
  receive(datagram: Buffer, from?: Origin): void;
}

function anEar(...names: string[]): Ear {
  const heard: unknown[][] = [];
  const sent: [Buffer, Origin][] = [];
  let take: (datagram: Buffer, from: Origin) => void = () => undefined;
  const listener = new BeatListener({
    source: {
      run: async (receive) => {
        take = receive;
      },
      send: (datagram, to) => sent.push([datagram, to]),
      hurry: () => () => undefined,
    },
    ...{ clusterKey, clock: new ManualClock(), logger: silentLogger },
    onBeat: (...beat) => heard.push(['beat', ...beat]),
    onRenewal: (...renewal) => heard.push(['renewal', ...renewal]),
  });
  for (const name of names) listener.expect(name);
  void listener.run(new AbortController().signal);
  return { heard, sent, listener, receive: (datagram, from = home) => take(datagram, from) };
}

const aBeat = (sequence: number, awaitedVersion?: number): Buffer =>
  encodeBeat(
    id,
    { sequence, dataPlaneVersion: 2 ** 40, ...(awaitedVersion === undefined ? {} : { awaitedVersion }) },
    key,
  );
const aRenewal = (sequence: number): Buffer => encodeRenewal(id, { sequence, load }, key);

describe('BeatListener', () => {
  it('tells what beats and renewals say', () => {
    const { heard, receive } = anEar('host-1');
    receive(aBeat(7));
    receive(aBeat(8, 2 ** 41));
    receive(aRenewal(9));
    receive(encodeRenewal(id, { sequence: 10, load: undefined }, key));
    expect(heard).toEqual([
      ['beat', 'host-1', 2 ** 40, undefined],
      ['beat', 'host-1', 2 ** 40, 2 ** 41],
      ['renewal', 'host-1', 9, load],
      ['renewal', 'host-1', 10, undefined],
    ]);
  });

  it.each([
    [5, 6, true],
    [5, 5, false],
    [5, 4, false],
    [0x7fff_ffff, 0x8000_0000, true],
    [0xffff_fffe, 1, true],
    [1, 0xffff_fffe, false],
  ])('hears after sequence %i one of %i: %s', (last, sequence, isHeard) => {
    for (const kind of [aBeat, aRenewal]) {
      const { heard, receive } = anEar('host-1');
      receive(aBeat(last));
      receive(kind(sequence));
      expect(heard).toHaveLength(isHeard ? 2 : 1);
    }
  });

  it('drops what is forged, cut, of an unknown node or of one that is forgotten', () => {
    const { heard, listener, receive } = anEar('host-1', 'host-2');
    for (const made of [aBeat(7), aRenewal(7)]) {
      const forged = Buffer.from(made);
      forged.writeUInt8(forged.readUInt8(10) ^ 1, 10);
      receive(forged);
      receive(made.subarray(1));
      const ofAnother = Buffer.from(made);
      ofAnother.writeUInt32BE(beatNodeId('host-2'), 0);
      receive(ofAnother);
    }
    receive(encodeBeat(beatNodeId('host-3'), { sequence: 1, dataPlaneVersion: 0 }, key));
    listener.forget('host-1');
    receive(aBeat(8));
    expect(heard).toEqual([]);
  });

  it('answers where the last genuine datagram came from', () => {
    const { sent, listener, receive } = anEar('host-1');
    listener.confirm('host-1', 7);
    receive(aBeat(8));
    const moved: Origin = { ...home, port: 5_001 };
    receive(aRenewal(9), moved);
    receive(Buffer.alloc(20), home);
    listener.confirm('host-1', 9);
    listener.answer('host-1', 640);
    const answerKey = deriveAnswerKey(key);
    const [[confirmation, to] = [], [answer] = []] = sent;
    expect([sent.length, to]).toEqual([2, moved]);
    expect(decodeConfirmation(confirmation ?? Buffer.alloc(0), id, answerKey)).toBe(9);
    expect(decodeAnswer(answer ?? Buffer.alloc(0), id, answerKey)).toEqual({
      sequence: 9,
      leastVersion: 640,
    });
  });
});

describe('a beat', () => {
  it('is sealed with the SipHash of what it says', () => {
    const beat = aBeat(7, 43);
    const length = beat.length - 6;
    expect(beat.readUIntBE(length, 6)).toBe(sipHash48(beat, length, toSipKey(key)));
  });
});
