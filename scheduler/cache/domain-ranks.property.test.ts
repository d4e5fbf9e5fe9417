import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ChangeLog } from './change-log.ts';
import { DomainRanks } from './domain-ranks.ts';

const moves = fc.array(
  fc.record({
    domain: fc.nat({ max: 6 }),
    to: fc.option(fc.nat({ max: 5 }), { nil: undefined }),
  }),
  { maxLength: 60 },
);

describe('domains by their count', () => {
  it('are those that a look at every domain would find', () => {
    fc.assert(
      fc.property(moves, fc.nat({ max: 5 }), fc.nat({ max: 5 }), (steps, low, high) => {
        const ranks = new DomainRanks();
        const counts = new Map<number, number>();
        for (const { domain, to } of steps) {
          ranks.move(domain, counts.get(domain), to);
          if (to === undefined) counts.delete(domain);
          else counts.set(domain, to);
          expect(ranks.least).toBe(counts.size === 0 ? 0 : Math.min(...counts.values()));
        }
        const expected = [...counts].filter(([, count]) => count > low && count <= high);
        expect([...ranks.between(low, high)].sort()).toEqual(expected.map(([domain]) => domain).sort());
      }),
    );
  });
});

describe('a log of changes', () => {
  it('tells each changed slot once, and that it has forgotten', () => {
    const log = new ChangeLog();
    for (let i = 0; i < 1_000; i += 1) log.add(i % 3, 10);
    expect([...(log.since(log.position - 1) ?? [])]).toEqual([0]);
    expect([...(log.since(log.position - 10) ?? [])].sort()).toEqual([0, 1, 2]);
    expect([...(log.since(log.position) ?? [])]).toEqual([]);
    expect(log.since(0)).toBeUndefined();
  });

  it('keeps what it had when it has to keep more', () => {
    const log = new ChangeLog();
    for (let slot = 0; slot < 60; slot += 1) log.add(slot, 10);
    for (let slot = 60; slot < 500; slot += 1) log.add(slot, 500);
    expect([...(log.since(0) ?? [])]).toEqual(Array.from({ length: 500 }, (_, slot) => slot));
  });
});
