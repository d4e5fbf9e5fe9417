import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { RecheckPace } from './recheck-pace.ts';

const findings = (count: number): Parameters<RecheckPace['nextMs']>[1] => ({
  ...{ discoveryError: undefined, deletionError: undefined },
  remaining: [{ resource: 'configmaps.', count, finalizers: [] }],
});

describe('RecheckPace', () => {
  it('slows down while nothing changes, and begins anew when something does', () => {
    const pace = new RecheckPace(seededRandom(1));
    const waits = Array.from({ length: 10 }, () => pace.nextMs('shop', findings(2)));
    expect(waits[0]).toBeLessThanOrEqual(1_100);
    expect(waits.at(-1)).toBeGreaterThanOrEqual(15_000);
    expect(waits.at(-1)).toBeLessThanOrEqual(16_500);
    expect(pace.nextMs('shop', findings(1))).toBeLessThanOrEqual(1_100);
  });
});
