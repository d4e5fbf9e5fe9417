import { describe, expect, it } from 'vitest';
import type { Lease } from '../../api/generated/coordination-v1.ts';
import { StatusError } from '../../api/status-error.ts';
import { silentLogger } from '../../base/logger.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { leaseRenewPeriodMs, renewNodeLease, repairPeriodMs, runNodeLease } from './node-lease.ts';

/** An API that keeps one Lease, and those who renew it beside the agent. */
class Bench {
  readonly clock: ManualClock = new ManualClock(0);
  readonly stop: AbortController = new AbortController();
  /** `by WHOM at SECOND`. */
  readonly renewals: string[] = [];
  lease: Lease | undefined;
  isConnected = true;
  fails = false;
  together: () => Promise<boolean> = async () => this.#store('together');
  #version = 1;

  run(withGuard = true): Promise<void> {
    const options = {
      ...{ nodeName: 'host-1', nodeUid: () => 'uid', clock: this.clock, logger: silentLogger },
      random: { next: () => 0.5 },
      ...(withGuard ? { renewTogether: () => this.together() } : {}),
      client: {
        isConnected: () => this.isConnected,
        get: async () => this.#answer(this.lease ?? this.#missing()) as never,
        create: async (_type: unknown, lease: unknown) => this.#write(lease as Lease) as never,
        update: async (_type: unknown, lease: unknown) => this.#write(lease as Lease) as never,
      },
    };
    return runNodeLease(options, this.stop.signal);
  }

  #store(by: string): boolean {
    this.#version += 1;
    if (this.lease !== undefined)
      this.lease = {
        ...this.lease,
        metadata: { ...this.lease.metadata, resourceVersion: `${this.#version}` },
      };
    this.renewals.push(`${by} at ${this.clock.nowMs() / 1_000}`);
    return true;
  }

  #write(lease: Lease): Lease {
    this.#answer(lease);
    const { resourceVersion } = lease.metadata;
    if (resourceVersion !== this.lease?.metadata.resourceVersion)
      throw new StatusError({ reason: 'Conflict', code: 409, message: 'changed' });
    this.lease = lease;
    this.#store('itself');
    return this.lease;
  }

  #answer<V>(value: V): V {
    if (this.fails) throw new StatusError({ reason: 'ServiceUnavailable', code: 503, message: 'away' });
    return value;
  }

  #missing(): never {
    throw new StatusError({ reason: 'NotFound', code: 404, message: 'no Lease' });
  }
}

describe('runNodeLease', () => {
  it('creates the Lease by itself, then renews together with others every ten seconds, at a time of its own', async () => {
    const bench = new Bench();
    const running = bench.run();
    await bench.clock.advance(26_000);
    bench.stop.abort();
    await running;
    expect(bench.renewals).toEqual(['itself at 0', 'together at 5', 'together at 15', 'together at 25']);
    expect(bench.lease?.metadata.ownerReferences).toHaveLength(1);
  });

  it.each([
    ['there is no guard', false, async () => false],
    ['the guard has nothing confirmed', true, async () => false],
  ])('renews by itself, as often, when %s', async (_why, withGuard, together) => {
    const bench = new Bench();
    bench.together = together;
    const running = bench.run(withGuard);
    await bench.clock.advance(26_000);
    bench.stop.abort();
    await running;
    expect(bench.renewals).toEqual(['itself at 0', 'itself at 5', 'itself at 15', 'itself at 25']);
  });

  it('keeps the period when it is the confirmation that fails, and asks again every time', async () => {
    const bench = new Bench();
    bench.together = async () => {
      await new Promise<void>((resolve) => void bench.clock.setTimer(3_000, resolve));
      return false;
    };
    const running = bench.run();
    await bench.clock.advance(30_000);
    bench.stop.abort();
    await running;
    expect(bench.renewals).toEqual(['itself at 0', 'itself at 8', 'itself at 18', 'itself at 28']);
  });

  it('takes up by itself what others have written in between', async () => {
    const bench = new Bench();
    const running = bench.run();
    await bench.clock.advance(16_000);
    bench.together = async () => false;
    await bench.clock.advance(10_000);
    bench.stop.abort();
    await running;
    expect(bench.renewals.slice(-2)).toEqual(['together at 15', 'itself at 25']);
  });

  it('asks nobody while it does not reach the API', async () => {
    const bench = new Bench();
    const running = bench.run();
    await bench.clock.advance(6_000);
    Object.assign(bench, { isConnected: false, fails: true });
    await bench.clock.advance(40_000);
    expect(bench.renewals).toEqual(['itself at 0', 'together at 5']);
    Object.assign(bench, { isConnected: true, fails: false });
    await bench.clock.advance(30_000);
    bench.stop.abort();
    await running;
    expect(bench.renewals[2]).toMatch(/^itself/);
    expect(bench.renewals[3]).toMatch(/^together/);
  });

  it('makes the Lease right by itself once an hour', async () => {
    const bench = new Bench();
    const running = bench.run();
    await bench.clock.advance(repairPeriodMs + leaseRenewPeriodMs);
    bench.stop.abort();
    await running;
    expect(bench.renewals.filter((one) => one.startsWith('itself'))).toEqual([
      'itself at 0',
      'itself at 3605',
    ]);
  });
});

describe('renewNodeLease', () => {
  const [before, after] = ['2026-01-01T00:00:00.000000Z', '2026-01-01T00:00:01.000000Z'];
  const leaseAt = (resourceVersion: string, renewTime: string): Lease => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: {
      ...{ name: 'n0', namespace: 'kube-node-lease', resourceVersion },
      ...{ uid: 'uid', creationTimestamp: before },
    },
    spec: { holderIdentity: 'n0', leaseDurationSeconds: 40, renewTime },
  });

  it.each([
    ['leaves alone what another has renewed meanwhile for it', after, 1],
    ['renews what another has changed otherwise', before, 2],
  ])('%s', async (_, renewTime, writes) => {
    let written = 0;
    const client = {
      get: async () => leaseAt('2', renewTime) as never,
      create: () => Promise.reject(new Error('it is there')),
      update: async (_type: unknown, lease: unknown) => {
        written += 1;
        if ((lease as Lease).metadata.resourceVersion !== '2')
          throw new StatusError({ reason: 'Conflict', code: 409, message: 'changed' });
        return lease as never;
      },
    };
    const options = { client, nodeName: 'n0', nodeUid: () => 'uid-n0', clock: new ManualClock() };
    await renewNodeLease(options, leaseAt('1', before));
    expect(written).toBe(writes);
  });
});
