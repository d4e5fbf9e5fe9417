import { describe, expect, it } from 'vitest';
import { beatNodeId, deriveBeatKey, encodeBeat } from '../../base/beat.ts';
import { sipHash48, toSipKey } from '../../base/sip-hash.ts';
import { isNewer } from './beat-listener.ts';

describe('isNewer', () => {
  it.each([
    [5, undefined, true],
    [6, 5, true],
    [5, 5, false],
    [4, 5, false],
    [1, 0xffff_fffe, true],
    [0xffff_fffe, 1, false],
  ])('of %i after %s is %s', (sequence, last, expected) => {
    expect(isNewer(sequence, last)).toBe(expected);
  });
});

describe('a beat', () => {
  it('is sealed with the SipHash of what it says', () => {
    const key = deriveBeatKey(Buffer.from('cluster'), 'host-1');
    const beat = encodeBeat(
      beatNodeId('host-1'),
      { sequence: 7, dataPlaneVersion: 42, awaitedVersion: 43 },
      key,
    );
    const length = beat.length - 6;
    expect(beat.readUIntBE(length, 6)).toBe(sipHash48(beat, length, toSipKey(key)));
  });
});
