/** Programs with a planted fault: the simulation must find it, or its silence about the real ones means nothing. */
import { afterEach, describe, expect, it, vi } from 'vitest';
import { EventRing } from '../../apiserver/watch-cache/event-ring.ts';
import { WatchCache } from '../../apiserver/watch-cache/watch-cache.ts';
import { LeaderElector } from '../../client/leader-elector.ts';
import { Expectations } from '../../controllers/expectations.ts';
import { CidrPool } from '../../controllers/node-ipam/cidr-pool.ts';
import { Cluster } from '../../scheduler/cache/cluster.ts';
import { PodGroups } from '../../scheduler/groups/pod-groups.ts';
import { simulate } from './simulation.ts';

const mostSeeds = 12;

/** The checks that complained within some seeds, `wanted` among them if it does at all. */
async function complaints(
  wanted: string,
  options: {
    readonly firstSeed?: number;
    readonly seeds?: number;
    readonly turmoilMs?: number;
    readonly groupEach?: number;
  } = {},
): Promise<Set<string>> {
  const { firstSeed = 1, seeds = mostSeeds, turmoilMs = 30_000, groupEach } = options;
  const found = new Set<string>();
  for (let seed = firstSeed; seed < firstSeed + seeds && !found.has(wanted); seed += 1)
    for (const { check } of (await simulate({ seed, turmoilMs, groupEach })).violations) found.add(check);
  return found;
}

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the simulation rejects', () => {
  it('a ReplicaSet controller that ignores its expectations', async () => {
    vi.spyOn(Expectations.prototype, 'satisfied').mockReturnValue(true);
    expect(await complaints('surplus')).toContain('surplus');
  });

  it('a scheduler that forgets the pods it has assumed', async () => {
    const setPod = Cluster.prototype.setPod;
    vi.spyOn(Cluster.prototype, 'setPod').mockImplementation(function (this: Cluster, placed) {
      if (!placed.isAssumed) setPod.call(this, placed);
    });
    vi.spyOn(Cluster.prototype, 'assume').mockReturnValue();
    expect(await complaints('bindings')).toContain('bindings');
  });

  it('a scheduler that binds members of a group alone', async () => {
    vi.spyOn(PodGroups.prototype, 'heldGroupOf').mockReturnValue(undefined);
    expect(await complaints('groups', { groupEach: 1 })).toContain('groups');
  });

  it('a range of pod addresses that is given out twice', async () => {
    vi.spyOn(CidrPool.prototype, 'occupy').mockReturnValue();
    vi.spyOn(CidrPool.prototype, 'allocate').mockReturnValue('10.244.7.0/24');
    expect(await complaints('pod CIDRs')).toContain('pod CIDRs');
  });

  it('a read cache that does not wait for the store', async () => {
    vi.spyOn(WatchCache.prototype, 'waitCurrent').mockResolvedValue(0);
    expect(await complaints('linearizable')).toContain('linearizable');
  });

  it('a watch that skips an event when it resumes', async () => {
    const after = EventRing.prototype.after;
    vi.spyOn(EventRing.prototype, 'after').mockImplementation(function (this: EventRing, version, limit) {
      return after.call(this, version, limit).slice(1);
    });
    expect(await complaints('watch')).toContain('watch');
  });

  it('a leader that acts without proof of its lead', async () => {
    vi.spyOn(LeaderElector.prototype, 'whenSure').mockResolvedValue(true);
    // Takes a leader that stands still for longer than its lease lasts, in the midst of work: one seed in forty.
    const options = { firstSeed: 30, seeds: 200, turmoilMs: 60_000 };
    expect(await complaints('surplus', options)).toContain('surplus');
  });
});
