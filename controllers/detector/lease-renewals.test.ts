import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { confirmedWithinMs } from '../../base/beat-renewal.ts';
import { silentLogger } from '../../base/logger.ts';
import type { RawRequest, RawResponse } from '../../client/client.ts';
import { TransportError } from '../../client/transport-error.ts';
import { ManualClock, settle } from '../../test/support/manual-clock.ts';
import { LeaseRenewals, maxPerRequest } from './lease-renewals.ts';

interface Item {
  readonly name: string;
  readonly renewTime: string;
  readonly annotations?: Readonly<Record<string, string>>;
}

type Answer = (items: readonly Item[]) => Promise<RawResponse>;

const answerOf = (status: number, body: unknown): RawResponse => ({
  ...{ status, headers: {} },
  body: Buffer.from(JSON.stringify(body)),
});
const results = (codes: readonly number[]): RawResponse =>
  answerOf(200, { kind: 'BulkRenewalResult', results: codes.map((code) => ({ code })) });
const storesAll: Answer = async (items) => results(items.map(() => 200));

class Bench {
  readonly clock: ManualClock = new ManualClock();
  readonly requests: (readonly Item[])[] = [];
  readonly confirmed: string[] = [];
  answer: Answer = storesAll;
  readonly renewals: LeaseRenewals = new LeaseRenewals({
    client: { request: (request) => this.#request(request) },
    confirm: (node, sequence) => this.confirmed.push(`${node} ${sequence}`),
    ...{ clock: this.clock, logger: silentLogger },
  });

  #request({ body, signal }: RawRequest): Promise<RawResponse> {
    const { items } = JSON.parse(String(body)) as { items: Item[] };
    this.requests.push(items);
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new TransportError('too late')));
      this.answer(items).then(resolve, reject);
    });
  }

  /** As the detector's loop does. */
  async tick(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      await this.clock.advance(50);
      this.renewals.flush();
      await settle();
    }
  }
}

describe('LeaseRenewals', () => {
  it('stores what comes within a second by one request, and confirms it', async () => {
    const bench = new Bench();
    bench.renewals.hear('a', 1, undefined);
    await bench.tick(500);
    const pressure = { cpu: 0.1, memory: 0, io: 0 };
    bench.renewals.hear('b', 2, { cpuMillis: 250, memoryBytes: 1_024, pressure });
    await bench.tick(600);
    const common = { renewTime: '2026-01-01T00:00:00.000000Z' };
    expect(bench.requests).toEqual([
      [
        { name: 'a', holderIdentity: 'a', ...common },
        {
          ...{ name: 'b', holderIdentity: 'b', renewTime: '2026-01-01T00:00:00.500000Z' },
          annotations: {
            'coracle.dev/load': '{"cpu":"250m","memory":"1024","pressure":{"cpu":0.1,"memory":0,"io":0}}',
          },
        },
      ],
    ]);
    expect(bench.confirmed).toEqual(['a 1', 'b 2']);
  });

  it('confirms only what is stored', async () => {
    const bench = new Bench();
    for (const [node, sequence] of [
      ['a', 1],
      ['b', 2],
      ['c', 3],
    ] as const)
      bench.renewals.hear(node, sequence, undefined);
    bench.answer = async () => results([200, 404]);
    await bench.tick(1_100);
    expect(bench.confirmed).toEqual(['a 1']);
  });

  it('takes the newest asking of a node, once', async () => {
    const bench = new Bench();
    bench.renewals.hear('a', 1, undefined);
    bench.renewals.hear('a', 5, undefined);
    await bench.tick(3_000);
    expect([bench.requests.length, bench.confirmed]).toEqual([1, ['a 5']]);
  });

  it('asks for a thousand at most, at once', async () => {
    const bench = new Bench();
    for (let n = 0; n < 2.5 * maxPerRequest; n += 1) bench.renewals.hear(`node-${n}`, n, undefined);
    bench.renewals.flush();
    await settle();
    expect(bench.requests.map(({ length }) => length)).toEqual([maxPerRequest, maxPerRequest]);
    await bench.tick(1_100);
    expect(bench.confirmed).toHaveLength(2.5 * maxPerRequest);
  });

  it('gives up what nobody waits for any more, and goes on when the server is back', async () => {
    const bench = new Bench();
    bench.answer = () => new Promise(() => undefined);
    for (let n = 0; n < 80; n += 1) {
      bench.renewals.hear(`node-${n}`, n, undefined);
      await bench.tick(100);
    }
    bench.answer = async () => answerOf(404, { kind: 'Status', code: 404, reason: 'NotFound' });
    await bench.tick(confirmedWithinMs);
    bench.answer = storesAll;
    bench.renewals.hear('late', 900, undefined);
    await bench.tick(1_100);
    expect(bench.confirmed).toEqual(['late 900']);
  });

  it('forgets what it is told to discard', async () => {
    const bench = new Bench();
    bench.renewals.hear('a', 1, undefined);
    bench.renewals.discard();
    await bench.tick(2_000);
    expect(bench.requests).toEqual([]);
  });

  it('invents no renewal and loses none that the server stores, whatever the server does', async () => {
    const step = fc.oneof(
      fc.record({ node: fc.constantFrom('a', 'b', 'c', 'd'), waitMs: fc.constant(0) }),
      fc.record({ node: fc.constant(undefined), waitMs: fc.constantFrom(50, 400, 1_100, 4_000) }),
    );
    const server = fc.constantFrom('stores', 'refuses some', 'fails', 'is silent');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(step, server), { maxLength: 40 }), async (steps) => {
        const bench = new Bench();
        const asked = new Set<string>();
        const stored: string[] = [];
        const newest = new Map<string, number>();
        let sequence = 0;
        for (const [{ node, waitMs }, behaviour] of steps) {
          bench.answer = async (items) => {
            if (behaviour === 'fails') throw new TransportError('broken');
            if (behaviour === 'is silent') return new Promise(() => undefined);
            const codes = items.map((_, index) => (behaviour === 'stores' || index % 2 === 0 ? 200 : 409));
            for (const [index, item] of items.entries())
              if (codes[index] === 200) stored.push(`${item.name} ${newest.get(item.name)}`);
            return results(codes);
          };
          if (node !== undefined) {
            sequence += 1;
            newest.set(node, sequence);
            asked.add(`${node} ${sequence}`);
            bench.renewals.hear(node, sequence, undefined);
          } else await bench.tick(waitMs);
        }
        await bench.tick(1_100);
        expect(bench.confirmed).toEqual(stored);
        expect(bench.confirmed.every((one) => asked.has(one))).toBe(true);
        expect(new Set(bench.confirmed).size).toBe(bench.confirmed.length);
      }),
      { numRuns: 60 },
    );
  });
});
