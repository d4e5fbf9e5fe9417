import { beforeAll, describe, expect, test } from 'vitest';
import { contradictions } from '../validation/linearizability.ts';
import { followThroughKills } from '../validation/many-informers.ts';
import { runMutant } from '../validation/mutant-run.ts';
import { type Phase, type ValidationReport, validate } from '../validation/validation.ts';
import { type ObservedEvent, objectionsTo, type Segment } from '../validation/watch-checker.ts';

describe('watchers, readers and writers of two servers under faults', () => {
  let report: ValidationReport;
  let phase: Phase;
  let segment: Segment;

  beforeAll(async () => {
    report = await validate({ seed: 1, rounds: 1, watchers: 9, writers: 4 });
    const [first] = report.phases;
    const longest = first?.segments.filter(({ color }) => color === undefined) ?? [];
    const [found] = [...longest].sort((left, right) => right.events.length - left.events.length);
    if (first === undefined || found === undefined) throw new Error('nothing was recorded');
    phase = first;
    segment = found;
  }, 120_000);

  test('everybody was told what happened: no gap, nothing twice, nothing out of order, no bookmark ahead', () => {
    expect(report.objections).toEqual([]);
    for (const { truth, operations, segments } of report.phases) {
      expect(truth.events.length).toBeGreaterThan(30);
      expect(operations.length).toBeGreaterThan(30);
      expect(segments.length).toBeGreaterThanOrEqual(9);
    }
  });

  const planted = (change: (events: ObservedEvent[]) => void): string => {
    const events = [...segment.events];
    change(events);
    return objectionsTo({ ...segment, events }, phase.truth).join();
  };
  const isChange = ({ type }: ObservedEvent): boolean => type !== 'BOOKMARK';

  test('a watcher that drops an event is found', () => {
    expect(planted((events) => events.splice(events.findIndex(isChange), 1))).toContain('gap');
  });

  test('an event that comes twice, or too late, is found', () => {
    const again = planted((events) => events.splice(1, 0, ...events.filter(isChange).slice(0, 1)));
    expect(again).toContain('repeated or out of order');
    expect(planted((events) => events.reverse())).not.toBe('');
  });

  test('a bookmark that is sent early is found', () => {
    const early = planted((events) => {
      const at = events.findIndex(isChange);
      const version = events[at]?.version ?? 0;
      events.splice(at, 0, { type: 'BOOKMARK', name: '', version, token: '' });
    });
    expect(early).toContain('bookmark');
  });

  test('a write that got lost, and a refused one that is there, are found', () => {
    const { operations, truth } = phase;
    const lost = operations.map((each) =>
      each.kind === 'put' && each.outcome === 'done' ? { ...each, version: 1 } : each,
    );
    expect(contradictions(lost, truth).join()).toContain('something else there');
    const refused = operations.map((each) =>
      each.kind === 'put' && each.outcome === 'done' ? { ...each, outcome: 'refused' as const } : each,
    );
    expect(contradictions(refused, truth).join()).toContain('refused and is there');
  });
});

describe('a server on a store', () => {
  test('that is merely slow to tell of changes answers rightly', async () => {
    expect(await runMutant({ lagMs: 5 })).toEqual({ watchers: [], operations: [] });
  });

  test('that leaves out a transaction is found by its watchers', async () => {
    const { watchers } = await runMutant({ lagMs: 0, dropEvery: 20 });
    expect(watchers.join()).toContain('gap');
  });

  test('whose quorum reads are stale is found by its readers', async () => {
    const { operations } = await runMutant({ lagMs: 5, staleReads: true });
    expect(operations.join()).toMatch(/it shows \d+, which was not present|had been seen before it began/);
  });
});

test('killing one of two servers costs a thousand informers no 410, no second list and no change', async () => {
  const report = await followThroughKills({ informers: 1_000, connections: 4 });
  expect(report).toMatchObject({ wrong: [], relists: 0, expired: 0 });
  expect(report.resumed).toBeGreaterThanOrEqual(1_000);
  expect(report.changes).toBeGreaterThanOrEqual(130);
}, 120_000);
