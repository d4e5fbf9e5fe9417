import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CidrPool } from './cidr-pool.ts';

describe('CidrPool', () => {
  it('gives away blocks in order, and a free one only after the others', () => {
    const pool = new CidrPool('10.244.0.0/16', 24);
    expect([pool.allocate(), pool.allocate()]).toEqual(['10.244.0.0/24', '10.244.1.0/24']);
    pool.release('10.244.0.0/24');
    expect(pool.allocate()).toBe('10.244.2.0/24');
  });

  it('knows when it is exhausted', () => {
    const pool = new CidrPool('10.0.0.0/23', 24);
    pool.occupy('10.0.1.0/24');
    expect([pool.allocate(), pool.allocate()]).toEqual(['10.0.0.0/24', undefined]);
  });

  it('never gives a block away twice', () => {
    const steps = fc.array(fc.oneof(fc.constant('take' as const), fc.integer({ min: 0, max: 15 })));
    fc.assert(
      fc.property(steps, (script) => {
        const pool = new CidrPool('192.168.0.0/20', 24);
        const held = new Set<string>();
        for (const step of script) {
          if (step === 'take') {
            const cidr = pool.allocate();
            if (cidr === undefined) expect(held.size).toBe(16);
            else {
              expect(held.has(cidr)).toBe(false);
              held.add(cidr);
            }
          } else {
            pool.release(`192.168.${step}.0/24`);
            held.delete(`192.168.${step}.0/24`);
          }
        }
      }),
    );
  });

  it.each([
    ['10.0.0.0/8', 4],
    ['nonsense', 24],
    ['10.0.0.300/8', 24],
  ])('refuses %s with a mask of %i', (range, maskSize) => {
    expect(() => new CidrPool(range, maskSize)).toThrow(RangeError);
  });
});
