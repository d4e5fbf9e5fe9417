import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  beatNodeId,
  deriveAnswerKey,
  deriveBeatKey,
  encodeAnswer,
  encodeBeat,
  isBeat,
  type Origin,
  packedOriginIn,
  unpackOrigin,
} from './beat.ts';
import { decodeConfirmation, encodeConfirmation, encodeRenewal, isRenewal, loadIn } from './beat-renewal.ts';

const id = beatNodeId('host-1');
const key = deriveBeatKey(Buffer.alloc(32, 7), 'host-1');
const answerKey = deriveAnswerKey(key);
const origin: Origin = { address: '10.9.0.1', port: 5_000 };

describe('a renewal', () => {
  it('carries figures as agents tell them: whole numbers, and pressure with four digits', () => {
    const share = fc.integer({ min: 0, max: 10_000 }).map((tenThousandths) => tenThousandths / 10_000);
    const figures = fc.record({
      cpuMillis: fc.integer({ min: 0, max: 0xffff_fffe }),
      memoryBytes: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      pressure: fc.record({ cpu: share, memory: share, io: share }),
    });
    fc.assert(
      fc.property(fc.option(figures, { nil: undefined }), (load) => {
        expect(loadIn(encodeRenewal(id, { sequence: 1, load, origin }, key))).toEqual(load);
      }),
    );
  });

  it('says where it is to be answered, as a beat that asks does', () => {
    const addresses = fc.tuple(fc.ipV4(), fc.integer({ min: 1, max: 65_535 }));
    fc.assert(
      fc.property(addresses, ([address, port]) => {
        const from = { address, port };
        const asks = { awaitedVersion: 2 ** 48 - 1, origin: from };
        for (const asking of [
          encodeRenewal(id, { sequence: 1, load: undefined, origin: from }, key),
          encodeBeat(id, { sequence: 1, dataPlaneVersion: 2 ** 48 - 1, asks }, key),
        ])
          expect(unpackOrigin(packedOriginIn(asking))).toEqual(from);
      }),
    );
  });

  it('cuts what does not fit', () => {
    const pressure = { cpu: 9, memory: -1, io: 0 };
    const renewal = encodeRenewal(
      id,
      { sequence: 1, load: { cpuMillis: 2 ** 40, memoryBytes: 2 ** 50, pressure }, origin },
      key,
    );
    expect(loadIn(renewal)).toEqual({
      ...{ cpuMillis: 0xffff_fffe, memoryBytes: 2 ** 48 - 1 },
      pressure: { cpu: 6.5535, memory: 0, io: 0 },
    });
  });

  it('has a size of its own, as its confirmation has', () => {
    const beat = { sequence: 1, dataPlaneVersion: 1 };
    const made = [
      encodeBeat(id, beat, key),
      encodeBeat(id, { ...beat, asks: { awaitedVersion: 2, origin } }, key),
      encodeRenewal(id, { sequence: 1, load: undefined, origin }, key),
      encodeConfirmation(id, 1, answerKey),
    ];
    expect(new Set(made.map(({ length }) => length)).size).toBe(4);
    expect(made.map(isBeat)).toEqual([true, true, false, false]);
    expect(made.map(isRenewal)).toEqual([false, false, true, false]);
  });
});

describe('a confirmation', () => {
  const sent = encodeConfirmation(id, 0xffff_ffff, answerKey);

  it('tells its node which renewal is stored', () => {
    expect(decodeConfirmation(sent, id, answerKey)).toBe(0xffff_ffff);
  });

  it('is worth nothing to another node, under another key, changed, cut, or of another kind', () => {
    const changed = Buffer.from(sent);
    changed.writeUInt8(1, 7);
    const answer = encodeAnswer(id, { sequence: 1, leastVersion: 2 }, answerKey);
    expect([
      decodeConfirmation(sent, beatNodeId('host-2'), answerKey),
      decodeConfirmation(sent, id, key),
      decodeConfirmation(changed, id, answerKey),
      decodeConfirmation(sent.subarray(0, 13), id, answerKey),
      decodeConfirmation(answer, id, answerKey),
    ]).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});
