import { describe, expect, it } from 'vitest';
import type { Lease } from '../api/generated/coordination-v1.ts';
import { leases } from '../api/generated/resources.ts';
import { conflict, notFound } from '../api/status-error.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import { ManualClock, settle } from '../test/support/manual-clock.ts';
import { LeaderElector, type LeaderElectorOptions } from './leader-elector.ts';
import { TransportError } from './transport-error.ts';

/** One Lease with optimistic concurrency. While `down` nothing is answered. */
class LeaseServer {
  lease: Lease | undefined;
  down = false;
  #version = 0;

  client(): LeaderElectorOptions['client'] {
    return {
      get: async () => this.#answer(this.#present()) as never,
      create: async (_, object) => this.#store(object as never) as never,
      update: async (_, object) => {
        if (this.down) throw new TransportError('no answer');
        if (object.metadata.resourceVersion !== this.#present().metadata.resourceVersion)
          throw conflict(leases, 'x', 'the object has been modified');
        return this.#store(object as never) as never;
      },
    };
  }

  #present(): Lease {
    if (this.lease === undefined) throw notFound(leases, 'x');
    return this.lease;
  }

  #store(object: Lease): Lease {
    this.#answer(object);
    this.#version += 1;
    this.lease = { ...object, metadata: { ...object.metadata, resourceVersion: `${this.#version}` } };
    return this.lease;
  }

  #answer(lease: Lease): Lease {
    if (this.down) throw new TransportError('no answer');
    return lease;
  }
}

interface Candidate {
  readonly elector: LeaderElector;
  readonly abort: AbortController;
  readonly terms: string[];
  readonly ended: Promise<void>;
}

function campaign(server: LeaseServer, clock: ManualClock, identity: string): Candidate {
  const elector = new LeaderElector({
    ...{ client: server.client(), name: 'x', identity, clock },
    random: seededRandom(1),
    logger: silentLogger,
  });
  const abort = new AbortController();
  const terms: string[] = [];
  const ended = elector.runAsLeader(abort.signal, async (leading) => {
    terms.push('begin');
    await new Promise((resolve) => leading.addEventListener('abort', resolve, { once: true }));
    terms.push('end');
  });
  return { elector, abort, terms, ended };
}

describe('LeaderElector', () => {
  it('lets one of two lead, and the other take over at once when it releases', async () => {
    const [server, clock] = [new LeaseServer(), new ManualClock()];
    const first = campaign(server, clock, 'first');
    await settle();
    const second = campaign(server, clock, 'second');
    await clock.advance(60_000);
    expect([first.elector.isLeader, second.elector.isLeader]).toEqual([true, false]);
    first.abort.abort();
    await first.ended;
    expect(server.lease?.spec.holderIdentity).toBe('');
    await clock.advance(3_000);
    expect(second.elector.isLeader).toBe(true);
    expect(server.lease?.spec.leaseTransitions).toBe(1);
  });

  it('takes over when a dead leader has been silent for the lease duration, not before', async () => {
    const [server, clock] = [new LeaseServer(), new ManualClock()];
    const gone = new Date(clock.nowMs()).toISOString();
    server.lease = {
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: { name: 'x', uid: 'u', resourceVersion: '0', creationTimestamp: gone },
      spec: { holderIdentity: 'dead', leaseDurationSeconds: 15, renewTime: gone, leaseTransitions: 4 },
    };
    const heir = campaign(server, clock, 'heir');
    await clock.advance(14_900);
    expect(heir.elector.isLeader).toBe(false);
    await clock.advance(4_000);
    expect(heir.elector.isLeader).toBe(true);
    expect(server.lease.spec.leaseTransitions).toBe(5);
  });

  it('takes its own lease back at once after a restart', async () => {
    const [server, clock] = [new LeaseServer(), new ManualClock()];
    campaign(server, clock, 'me');
    await settle();
    const restarted = campaign(server, clock, 'me');
    await settle();
    expect(restarted.elector.isLeader).toBe(true);
  });

  it('leads on through an API that is silent for 9 s', async () => {
    const [server, clock] = [new LeaseServer(), new ManualClock()];
    const leader = campaign(server, clock, 'me');
    await clock.advance(10_000);
    server.down = true;
    await clock.advance(9_000);
    server.down = false;
    await clock.advance(10_000);
    expect(leader.terms).toEqual(['begin']);
  });

  it('stops leading before anyone else may begin when the API stays away', async () => {
    const [server, clock] = [new LeaseServer(), new ManualClock()];
    const leader = campaign(server, clock, 'me');
    await clock.advance(10_000);
    server.down = true;
    await clock.advance(14_900);
    expect(leader.terms).toEqual(['begin', 'end']);
    server.down = false;
    await clock.advance(5_000);
    expect(leader.terms).toEqual(['begin', 'end', 'begin']);
  });

  it('ends its term when someone else has taken the lease', async () => {
    const [server, clock] = [new LeaseServer(), new ManualClock()];
    const leader = campaign(server, clock, 'me');
    await settle();
    if (server.lease !== undefined) {
      const { metadata, spec } = server.lease;
      server.lease = {
        ...server.lease,
        metadata: { ...metadata, resourceVersion: 'other' },
        spec: { ...spec, holderIdentity: 'other' },
      };
    }
    await clock.advance(6_000);
    expect(leader.terms).toEqual(['begin', 'end']);
  });

  it('waits for the led work to end before it releases', async () => {
    const [server, clock] = [new LeaseServer(), new ManualClock()];
    const options = { client: server.client(), name: 'x', identity: 'me', clock };
    const elector = new LeaderElector({ ...options, random: seededRandom(1), logger: silentLogger });
    const abort = new AbortController();
    let finish = (): void => undefined;
    const running = elector.runAsLeader(abort.signal, () => new Promise((resolve) => (finish = resolve)));
    await settle();
    abort.abort();
    await settle();
    expect(server.lease?.spec.holderIdentity).toBe('me');
    finish();
    await running;
    expect(server.lease?.spec.holderIdentity).toBe('');
  });
});
