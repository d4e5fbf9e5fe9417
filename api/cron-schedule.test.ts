import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCronSchedule } from './cron-schedule.ts';

const next = (schedule: string, after: string, timeZone?: string): string | undefined => {
  const atMs = parseCronSchedule(schedule, timeZone).next(Date.parse(after));
  return atMs === undefined ? undefined : new Date(atMs).toISOString();
};

describe('parseCronSchedule', () => {
  it.each([
    ['*/15 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:15:00.000Z'],
    ['*/15 * * * *', '2026-01-01T00:59:59Z', '2026-01-01T01:00:00.000Z'],
    ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00.000Z'],
    ['30 8 * * mon-fri', '2026-01-02T09:00:00Z', '2026-01-05T08:30:00.000Z'],
    ['0 0 13 * 5', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00.000Z'],
    ['0 0 */10 * 5', '2026-01-03T00:00:00Z', '2026-01-09T00:00:00.000Z'],
    ['5/20 1 * * *', '2026-01-01T01:05:00Z', '2026-01-01T01:25:00.000Z'],
    ['@monthly', '2026-12-15T00:00:00Z', '2027-01-01T00:00:00.000Z'],
    ['@every 1h30m', '2026-01-01T00:00:10.5Z', '2026-01-01T01:30:10.000Z'],
    ['0 0 30 2 *', '2026-01-01T00:00:00Z', undefined],
  ])('%s after %s is %s', (schedule, after, expected) => {
    expect(next(schedule, after)).toBe(expected);
  });

  it.each([
    ['0 9 * * *', '2026-01-01T00:00:00Z', 'Asia/Tokyo', '2026-01-02T00:00:00.000Z'],
    ['0 0 1 * *', '2026-03-15T00:00:00Z', 'Europe/Berlin', '2026-03-31T22:00:00.000Z'],
    // The clocks go from 2:00 to 3:00 on 8 March: 2:30 does not happen that day.
    ['30 2 * * *', '2026-03-08T00:00:00Z', 'America/New_York', '2026-03-09T06:30:00.000Z'],
    // They go back from 2:00 to 1:00 on 1 November: 1:30 happens twice.
    ['30 1 * * *', '2026-11-01T05:30:00Z', 'America/New_York', '2026-11-01T06:30:00.000Z'],
  ])('%s after %s in %s is %s', (schedule, after, timeZone, expected) => {
    expect(next(schedule, after, timeZone)).toBe(expected);
  });

  it.each([
    ['* * * *', 'expected exactly 5 fields, found 4: [* * * *]'],
    ['@often', 'unrecognized descriptor: @often'],
    ['60 * * * *', 'end of range (60) above maximum (59): 60'],
    ['* * 0 * *', 'beginning of range (0) below minimum (1): 0'],
    ['5-1 * * * *', 'beginning of range (5) beyond end of range (1): 5-1'],
    ['*/0 * * * *', 'step of range should be a positive number: */0'],
    ['x * * * *', 'failed to parse int from x: strconv.Atoi: parsing "x": invalid syntax'],
  ])('refuses %s', (schedule, message) => {
    expect(() => parseCronSchedule(schedule)).toThrow(message);
  });

  it('finds every minute that fits, and no other', () => {
    const startMs = Date.parse('2026-03-28T00:00:00Z');
    fc.assert(
      fc.property(fc.nat({ max: 59 }), fc.nat({ max: 23 }), fc.integer({ min: 1, max: 31 }), (m, h, d) => {
        const schedule = parseCronSchedule(`${m} ${h} ${d} * *`);
        const found = schedule.next(startMs) ?? 0;
        let expected = startMs + 60_000;
        const fits = (at: Date): boolean =>
          at.getUTCMinutes() === m && at.getUTCHours() === h && at.getUTCDate() === d;
        while (!fits(new Date(expected))) expected += 60_000;
        expect(found).toBe(expected);
      }),
      { numRuns: 20 },
    );
  });
});
