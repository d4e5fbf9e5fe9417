import { describe, expect, it } from 'vitest';
import { beatNodeId, deriveAnswerKey, deriveBeatKey, sequenceIn } from '../../base/beat.ts';
import { askAgainAfterMs, confirmedWithinMs, encodeConfirmation, loadIn } from '../../base/beat-renewal.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { AwaitedRenewal } from './awaited-renewal.ts';
import { Renewals } from './renewals.ts';

const key = deriveBeatKey(Buffer.alloc(32, 7), 'host-1');
const answerKey = deriveAnswerKey(key);
const id = beatNodeId('host-1');

interface Guard {
  readonly clock: ManualClock;
  readonly renewals: Renewals;
  /** `SEQUENCE to DETECTOR`. */
  readonly sent: string[];
  readonly loads: unknown[];
  readonly renewed: number[];
  confirm(sequence: number, detector?: string): void;
}

function aGuard(firstSequence = 0xffff_fffe): Guard {
  const clock = new ManualClock();
  const [sent, loads, renewed]: [string[], unknown[], number[]] = [[], [], []];
  let next = firstSequence;
  const renewals = new Renewals({
    ...{ nodeName: 'host-1', key, clock },
    send: (encode, to) => {
      const datagram = encode(next >>> 0, { address: '10.9.0.1', port: 5_000 });
      next += 1;
      sent.push(`${sequenceIn(datagram)} to ${to ?? 'all'}`);
      loads.push(loadIn(datagram));
    },
    onRenewed: (asked) => renewed.push(asked),
  });
  const confirm = (sequence: number, detector = 'd1:1'): void =>
    renewals.receive(encodeConfirmation(id, sequence, answerKey), detector);
  return { clock, renewals, sent, loads, renewed, confirm };
}

describe('Renewals', () => {
  it('asks all detectors, once more when none confirms, and then no more', async () => {
    const { clock, renewals, sent, loads, renewed } = aGuard(7);
    const load = { cpuMillis: 1, memoryBytes: 2, pressure: { cpu: 0, memory: 0, io: 0 } };
    renewals.ask(1, load);
    await clock.advance(10 * askAgainAfterMs);
    expect([sent, renewed]).toEqual([['7 to all', '8 to all'], []]);
    expect(loads).toEqual([load, load]);
    expect(clock.pendingTimers).toBe(0);
  });

  it('asks who confirmed last, and all again when that one is silent', async () => {
    const { clock, renewals, sent, renewed, confirm } = aGuard(7);
    renewals.ask(1, undefined);
    confirm(7, 'd2:1');
    renewals.ask(2, undefined);
    await clock.advance(askAgainAfterMs);
    expect(sent).toEqual(['7 to all', '8 to d2:1', '9 to all']);
    confirm(8, 'd1:1');
    renewals.ask(3, undefined);
    expect([sent.at(-1), renewed]).toEqual(['10 to d1:1', [1, 2]]);
  });

  it('believes a confirmation of either asking, once, over the wrap of sequences', async () => {
    for (const sequence of [0xffff_ffff, 0]) {
      const { clock, renewals, renewed, confirm } = aGuard(0xffff_ffff);
      renewals.ask(4, undefined);
      await clock.advance(askAgainAfterMs);
      for (let times = 0; times < 2; times += 1) confirm(sequence);
      expect(renewed).toEqual([4]);
    }
  });

  it('takes no confirmation of another time, of another node or when nobody waits', () => {
    const { renewals, renewed, confirm } = aGuard(7);
    renewals.ask(1, undefined);
    confirm(6);
    confirm(8);
    renewals.receive(encodeConfirmation(beatNodeId('host-2'), 7, answerKey), 'd1:1');
    renewals.receive(Buffer.alloc(14), 'd1:1');
    renewals.drop();
    confirm(7);
    renewals.ask(2, undefined);
    confirm(7);
    expect(renewed).toEqual([]);
  });

  it('ends with the agent that asked', async () => {
    const { clock, renewals, sent } = aGuard(7);
    renewals.ask(1, undefined);
    renewals.drop();
    await clock.advance(10 * askAgainAfterMs);
    expect(sent).toEqual(['7 to all']);
  });
});

describe('AwaitedRenewal', () => {
  it('is renewed when its own asking is confirmed in time', async () => {
    const clock = new ManualClock();
    const awaited = new AwaitedRenewal(clock);
    const ids: number[] = [];
    const first = awaited.ask((asked) => ids.push(asked));
    await clock.advance(confirmedWithinMs);
    const second = awaited.ask((asked) => ids.push(asked));
    awaited.hear(ids[0] ?? 0);
    await clock.advance(confirmedWithinMs - 1);
    awaited.hear(ids[1] ?? 0);
    expect([await first, await second, clock.pendingTimers]).toEqual([false, true, 0]);
  });
});
