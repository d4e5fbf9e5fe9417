import { describe, expect, it } from 'vitest';
import { backoffMs } from './backoff.ts';
import {
  beatNodeId,
  decodeAnswer,
  decodeBeat,
  deriveAnswerKey,
  deriveBeatKey,
  encodeAnswer,
  encodeBeat,
  firstBeatSequence,
  isBeat,
  nextBeatSequence,
  nodeIdIn,
  sequenceAgeMs,
} from './beat.ts';
import { delay, systemClock, toMicroTime, toTime } from './clock.ts';
import { codeOf, InvariantError, invariant } from './invariant.ts';
import { randomSuffix, seededRandom } from './random.ts';
import { sipHash48, toSipKey } from './sip-hash.ts';
import { TaskGroup } from './task-group.ts';

describe('backoffMs', () => {
  const policy = { initialMs: 100, maxMs: 1_000, factor: 2, jitter: 0 };

  it('doubles up to its maximum and stays finite after many tries', () => {
    const delays = [0, 1, 2, 3, 4, 1_000].map((attempt) => backoffMs(policy, attempt, seededRandom(1)));
    expect(delays).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  it('adds at most its share of jitter', () => {
    const jittered = backoffMs({ ...policy, jitter: 0.5 }, 0, { next: () => 0.999 });
    expect(jittered).toBeGreaterThan(149);
    expect(jittered).toBeLessThan(150);
  });
});

describe('sipHash48', () => {
  /** From the reference implementation: key 00..0f, messages of n bytes 00, 01, ... */
  it.each([
    [0, '310e0edd47db'],
    [1, 'fd67dc93c539'],
    [3, '2d7efbd79666'],
    [15, 'e545be4961ca'],
  ])('is that of the reference for %i bytes', (length, expected) => {
    const upTo = (count: number): Buffer => Buffer.from(Array.from({ length: count }, (_, i) => i));
    const hash = Buffer.alloc(6);
    hash.writeUIntLE(sipHash48(upTo(length), length, toSipKey(upTo(16))), 0, 6);
    expect(hash.toString('hex')).toBe(expected);
  });
});

describe('heartbeats', () => {
  const key = deriveBeatKey(Buffer.alloc(32, 7), 'host-1');
  const beat = { sequence: 4_294_967_295, dataPlaneVersion: 2 ** 47 + 127 };
  const datagram = encodeBeat(beatNodeId('host-1'), beat, key);

  it('are 20 bytes and come back as they went', () => {
    expect(datagram).toHaveLength(20);
    expect(isBeat(datagram)).toBe(true);
    expect(nodeIdIn(datagram)).toBe(beatNodeId('host-1'));
    expect(decodeBeat(datagram, key)).toEqual(beat);
  });

  it('are refused under another node key', () => {
    expect(decodeBeat(datagram, deriveBeatKey(Buffer.alloc(32, 7), 'host-2'))).toBeUndefined();
  });

  it.each(Array.from({ length: 20 }, (_, index) => index))('are refused when byte %i is changed', (index) => {
    const forged = Buffer.from(datagram);
    forged[index] = (forged[index] ?? 0) ^ 1;
    expect(decodeBeat(forged, key)).toBeUndefined();
  });

  it('are refused at any other length', () => {
    expect(decodeBeat(datagram.subarray(1), key)).toBeUndefined();
    expect(isBeat(Buffer.alloc(21))).toBe(false);
  });

  it('that ask carry the awaited version, proven as well', () => {
    const asks = { awaitedVersion: 640, origin: { address: '203.0.113.255', port: 65_535 } };
    const asking = encodeBeat(beatNodeId('host-1'), { ...beat, asks }, key);
    expect(asking).toHaveLength(32);
    expect(decodeBeat(asking, key)).toEqual({ ...beat, asks });
    asking[19] = 1;
    expect(decodeBeat(asking, key)).toBeUndefined();
  });

  it('are answered to one node, with a key that makes no beats', () => {
    const answerKey = deriveAnswerKey(key);
    const answer = { sequence: 7, leastVersion: 1_280 };
    const sent = encodeAnswer(beatNodeId('host-1'), answer, answerKey);
    expect(decodeAnswer(sent, beatNodeId('host-1'), answerKey)).toEqual(answer);
    expect(decodeAnswer(sent, beatNodeId('host-2'), answerKey)).toBeUndefined();
    expect(decodeAnswer(datagram, beatNodeId('host-1'), answerKey)).toBeUndefined();
    expect(decodeBeat(sent, key)).toBeUndefined();
  });

  it('follow the time with their sequence, and rise also when the clock was set back', () => {
    const start = firstBeatSequence(1_000_000);
    expect(nextBeatSequence(start, 1_000_500)).toBe(firstBeatSequence(1_000_500));
    expect(nextBeatSequence(start, 500_000)).toBe(start + 1);
    expect(sequenceAgeMs(start, firstBeatSequence(1_000_500))).toBe(500);
  });

  it('begin at a sequence that a later start exceeds', () => {
    expect(firstBeatSequence(1_000_000_500)).toBeGreaterThan(firstBeatSequence(1_000_000_000));
  });
});

describe('clock', () => {
  it('writes times as Kubernetes does', () => {
    const epochMs = Date.UTC(2026, 0, 2, 3, 4, 5, 678);
    expect(toTime(epochMs)).toBe('2026-01-02T03:04:05Z');
    expect(toMicroTime(epochMs)).toBe('2026-01-02T03:04:05.678000Z');
  });

  it('ends a delay at once on abort', async () => {
    const abort = new AbortController();
    const waiting = delay(systemClock, 3_600_000, abort.signal);
    abort.abort();
    await waiting;
    await delay(systemClock, 3_600_000, abort.signal);
  });
});

describe('random', () => {
  it('repeats with its seed and differs with another', () => {
    expect(randomSuffix(seededRandom(5))).toBe(randomSuffix(seededRandom(5)));
    expect(randomSuffix(seededRandom(5))).not.toBe(randomSuffix(seededRandom(6)));
  });

  it('stays within [0, 1) and spreads', () => {
    const random = seededRandom(1);
    const values = Array.from({ length: 10_000 }, () => random.next());
    expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...values)).toBeLessThan(1);
    expect(values.reduce((sum, value) => sum + value) / values.length).toBeCloseTo(0.5, 1);
  });

  it('makes suffixes of the letters that Kubernetes uses', () => {
    expect(randomSuffix(seededRandom(9), 500)).toMatch(/^[bcdfghjklmnpqrstvwxz2456789]{500}$/);
  });
});

describe('invariant', () => {
  it('throws with a code', () => {
    expect(() => invariant(false, 'x')).toThrow(InvariantError);
    expect(codeOf(new InvariantError('x'))).toBe('INVARIANT');
    expect(codeOf('x')).toBeUndefined();
  });
});

describe('TaskGroup', () => {
  const untilAborted = (signal: AbortSignal): Promise<void> =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));

  it('ends every task when one fails and rejects with that failure', async () => {
    const group = new TaskGroup();
    group.start(untilAborted);
    group.start(() => Promise.reject(new Error('first')));
    await expect(group.join()).rejects.toThrow('first');
    expect(group.signal.aborted).toBe(true);
  });

  it('follows its parent and waits for tasks started by tasks', async () => {
    const parent = new AbortController();
    const group = new TaskGroup(parent.signal);
    const ended: string[] = [];
    group.start(async (signal) => {
      group.start(async () => {
        await untilAborted(signal);
        ended.push('inner');
      });
      await untilAborted(signal);
      ended.push('outer');
    });
    parent.abort();
    await group.join();
    expect(ended.sort()).toEqual(['inner', 'outer']);
  });
});
