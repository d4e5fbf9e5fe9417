import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { DnsZone } from './dns-zone.ts';
import { GuardState } from './guard-state.ts';

describe('GuardState', () => {
  function aState(): { readonly clock: ManualClock; readonly state: GuardState } {
    const clock = new ManualClock();
    const zone = new DnsZone({ domain: 'cluster.local', serial: 1, random: seededRandom(1) });
    const state = new GuardState({ zone, path: '/nowhere', clock, logger: silentLogger });
    return { clock, state };
  }

  it('keeps its data-plane version while the agent restarts, not while there is none', async () => {
    const { clock, state } = aState();
    state.agentCame();
    state.apply({ dataPlaneVersion: 256 });
    await clock.advance(60_000);
    expect(state.dataPlaneVersion).toBe(256);
    state.agentGone();
    await clock.advance(5_000);
    expect(state.dataPlaneVersion).toBe(256);
    await clock.advance(1);
    expect(state.dataPlaneVersion).toBe(0);
    state.agentCame();
    expect(state.dataPlaneVersion).toBe(256);
  });

  it('waits for what the agent awaits until that says so, or is gone', () => {
    const { state } = aState();
    state.apply({ awaitedVersion: 512 });
    expect(state.awaitedVersion).toBe(512);
    state.apply({ awaitedVersion: 0 });
    expect(state.awaitedVersion).toBeUndefined();
    state.apply({ awaitedVersion: 640 });
    state.agentGone();
    expect(state.awaitedVersion).toBeUndefined();
  });
});
