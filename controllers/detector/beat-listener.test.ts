import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beatNodeId,
  decodeAnswer,
  deriveAnswerKey,
  deriveBeatKey,
  encodeBeat,
  type Origin,
} from '../../base/beat.ts';
import { decodeConfirmation, encodeRenewal, type LoadFigures } from '../../base/beat-renewal.ts';
import { silentLogger } from '../../base/logger.ts';
import { sipHash48, toSipKey } from '../../base/sip-hash.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { BeatListener } from './beat-listener.ts';
import { NodeSlots } from './node-slots.ts';

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
  readonly slots: NodeSlots;
  receive(datagram: Buffer): void;
  expect(name: string): void;
  forget(name: string): void;
}

function anEar(...names: string[]): Ear {
  const heard: unknown[][] = [];
  const sent: [Buffer, Origin][] = [];
  const slots = new NodeSlots();
  let take: (datagram: Buffer) => void = () => undefined;
  const listener = new BeatListener({
    source: {
      run: async (receive) => {
        take = receive;
      },
      send: (datagram, to) => sent.push([datagram, to]),
      ...{ readAll: () => true, hurry: () => undefined },
    },
    ...{ slots, clusterKey, clock: new ManualClock(), logger: silentLogger },
    onBeat: (slot, ...beat) => heard.push(['beat', slots.nameOf(slot), ...beat]),
    onRenewal: (slot, ...renewal) => heard.push(['renewal', slots.nameOf(slot), ...renewal]),
  });
  const expectNode = (name: string): void => listener.expect(slots.take(name));
  const forget = (name: string): void => {
    const slot = slots.slotOf(name);
    if (slot !== undefined) listener.forget(slot);
    slots.release(name);
  };
  for (const name of names) expectNode(name);
  void listener.run(new AbortController().signal);
  const receive = (datagram: Buffer): void => take(datagram);
  return { ...{ heard, sent, listener, slots, receive }, expect: expectNode, forget };
}

const aBeat = (sequence: number, awaitedVersion?: number): Buffer => {
  const asks = awaitedVersion === undefined ? undefined : { awaitedVersion, origin: home };
  return encodeBeat(id, { sequence, dataPlaneVersion: 2 ** 40, asks }, key);
};
const aRenewal = (sequence: number, origin = home): Buffer =>
  encodeRenewal(id, { sequence, load, origin }, key);

describe('BeatListener', () => {
  it('tells what beats and renewals say', () => {
    const { heard, receive } = anEar('host-1');
    receive(aBeat(7));
    receive(aBeat(8, 2 ** 41));
    receive(aRenewal(9));
    receive(encodeRenewal(id, { sequence: 10, load: undefined, origin: home }, key));
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
    const { heard, forget, receive } = anEar('host-1', 'host-2');
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
    forget('host-1');
    receive(aBeat(8));
    expect(heard).toEqual([]);
  });

  it('answers where the last genuine datagram that asked says', () => {
    const { sent, listener, receive } = anEar('host-1');
    receive(aBeat(7));
    listener.confirm('host-1', 7);
    receive(aBeat(8, 640));
    const moved: Origin = { ...home, port: 5_001 };
    receive(aRenewal(9, moved));
    const forged = aRenewal(10, home);
    forged.writeUInt8(forged.readUInt8(25) ^ 1, 25);
    receive(forged);
    receive(aBeat(10));
    listener.confirm('host-1', 9);
    listener.answer('host-1', 640);
    const answerKey = deriveAnswerKey(key);
    const [[confirmation, to] = [], [answer] = []] = sent;
    expect([sent.length, to]).toEqual([2, moved]);
    expect(decodeConfirmation(confirmation ?? Buffer.alloc(0), id, answerKey)).toBe(9);
    expect(decodeAnswer(answer ?? Buffer.alloc(0), id, answerKey)).toEqual({
      sequence: 10,
      leastVersion: 640,
    });
  });

  it('does not answer a guard that does not know its port yet', () => {
    const { sent, listener, receive } = anEar('host-1');
    receive(aRenewal(9, { address: '0.0.0.0', port: 0 }));
    listener.confirm('host-1', 9);
    expect(sent).toEqual([]);
  });

  it('hears the newer of two nodes that share an id', () => {
    const [older, newer] = ['host-18655', 'host-54620'];
    const ear = anEar(older, newer);
    const beatOf = (name: string, sequence: number): Buffer =>
      encodeBeat(beatNodeId(name), { sequence, dataPlaneVersion: 1 }, deriveBeatKey(clusterKey, name));
    expect(beatNodeId(older)).toBe(beatNodeId(newer));
    ear.receive(beatOf(older, 1));
    ear.receive(beatOf(newer, 1));
    expect(ear.heard).toEqual([['beat', newer, 1, undefined]]);
    ear.forget(older);
    ear.receive(beatOf(newer, 2));
    expect(ear.heard).toHaveLength(2);
  });
});

/** Enough for columns to grow and slots to be given again. */
const population = Array.from({ length: 150 }, (_, n) => `node-${n}`);
const keys = population.map((name) => deriveBeatKey(clusterKey, name));
const anyNode = fc.integer({ min: 0, max: population.length - 1 });
const steps = fc.array(
  fc.record({
    node: anyNode,
    does: fc.constantFrom('come', 'come', 'beat', 'beat', 'beat', 'go'),
    sequence: fc.integer({ min: 0, max: 12 }).map((n) => (n - 6) >>> 0),
  }),
  { maxLength: 600 },
);

/** What is heard of the steps, told by a map of the newest sequences. */
function heardOf(plan: readonly { node: number; does: string; sequence: number }[]): string[] {
  const newest = new Map<number, number | undefined>();
  const heard: string[] = [];
  for (const { node, does, sequence } of plan) {
    if (does === 'come' && !newest.has(node)) newest.set(node, undefined);
    if (does === 'go') newest.delete(node);
    if (does !== 'beat' || !newest.has(node)) continue;
    const last = newest.get(node);
    if (last !== undefined && ((sequence - last) | 0) <= 0) continue;
    newest.set(node, sequence);
    heard.push(`${population[node]} ${sequence}`);
  }
  return heard;
}

describe('BeatListener, whoever comes, beats and goes', () => {
  it('hears what a map of nodes would', () => {
    fc.assert(
      fc.property(steps, (plan) => {
        const ear = anEar();
        for (const { node, does, sequence } of plan) {
          const name = population[node] ?? '';
          if (does === 'come') ear.expect(name);
          if (does === 'go') ear.forget(name);
          const beat = { sequence, dataPlaneVersion: sequence };
          if (does === 'beat') ear.receive(encodeBeat(beatNodeId(name), beat, keys[node] ?? key));
        }
        expect(ear.heard.map(([, name, version]) => `${name} ${version}`)).toEqual(heardOf(plan));
      }),
    );
  });

  it('finds the slots of those that are there, and no two in one', () => {
    fc.assert(
      fc.property(steps, (plan) => {
        const slots = new NodeSlots();
        const there = new Set<string>();
        for (const { node, does } of plan) {
          const name = population[node] ?? '';
          if (does === 'come') there.add(name);
          if (does === 'come') slots.take(name);
          if (does === 'go') there.delete(name);
          if (does === 'go') slots.release(name);
        }
        const taken = [...slots.entries()];
        expect(new Set(taken.map(([name]) => name))).toEqual(there);
        expect(new Set(taken.map(([, slot]) => slot)).size).toBe(there.size);
        expect(taken.every(([name, slot]) => slots.nameOf(slot) === name && slot < slots.limit)).toBe(true);
      }),
    );
  });
});

describe('a beat', () => {
  it('is sealed with the SipHash of what it says', () => {
    const beat = aBeat(7, 43);
    const length = beat.length - 6;
    expect(beat.readUIntBE(length, 6)).toBe(sipHash48(beat, length, toSipKey(key)));
  });
});
