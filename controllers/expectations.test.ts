import { describe, expect, it } from 'vitest';
import { ManualClock } from '../test/support/manual-clock.ts';
import { Expectations } from './expectations.ts';

describe('Expectations', () => {
  it('are unsatisfied until every creation and deletion was observed', () => {
    const expectations = new Expectations(new ManualClock());
    expectations.expectCreation('rs', 'a');
    expectations.expectCreation('rs', 'b');
    expectations.expectDeletion('rs', 'uid-1');
    expect(expectations.creationObserved('rs', 'a')).toBe(false);
    expect(expectations.creationObserved('rs', 'a')).toBe(false);
    expect(expectations.deletionObserved('rs', 'uid-1')).toBe(false);
    expect(expectations.satisfied('rs')).toBe(false);
    expect(expectations.creationObserved('rs', 'b')).toBe(true);
    expect(expectations.satisfied('rs')).toBe(true);
  });

  it('do not count the same event twice, or events of others', () => {
    const expectations = new Expectations(new ManualClock());
    expectations.expectCreation('rs', 'a');
    expectations.creationObserved('rs', 'other');
    expectations.creationObserved('other', 'a');
    expect(expectations.satisfied('rs')).toBe(false);
    expect(expectations.satisfied('other')).toBe(true);
  });

  it('do not wait for what was created before all that the cache has seen', () => {
    const expectations = new Expectations(new ManualClock());
    expectations.expectCreation('rs', 'a');
    expect(expectations.satisfied('rs', '900')).toBe(false);
    expectations.creationAnswered('rs', 'a', '1000');
    expect(expectations.satisfied('rs', '900')).toBe(false);
    expect(expectations.satisfied('rs', undefined)).toBe(false);
    expect(expectations.satisfied('rs', '1000')).toBe(true);
  });

  it('expire, so that a lost event does not stop a controller for ever', async () => {
    const clock = new ManualClock();
    const expectations = new Expectations(clock);
    expectations.expectCreation('rs', 'a');
    await clock.advance(299_000);
    expect(expectations.satisfied('rs')).toBe(false);
    await clock.advance(2_000);
    expect(expectations.satisfied('rs')).toBe(true);
  });
});
