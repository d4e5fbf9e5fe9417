import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import type { EndpointSlice } from '../api/generated/discovery-v1.ts';
import { silentLogger } from '../base/logger.ts';
import type { InformerHandler } from '../client/informer.ts';
import { ManualClock, settle } from '../test/support/manual-clock.ts';
import { EndpointDepartures } from './endpoint-departures.ts';
import { aPod } from './pod/test-pod.ts';

type State = 'ready' | 'unready' | 'terminating';

const readyPod = aPod();
readyPod.status = { conditions: [{ type: 'Ready', status: 'True' }] };

function aSlice(name: string, version: number, pods: Readonly<Record<string, State>>): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: `${version}`, creationTimestamp: '' },
    addressType: 'IPv4',
    endpoints: Object.entries(pods).map(([uid, state]) => ({
      addresses: ['10.244.1.2'],
      nodeName: 'host-1',
      targetRef: { kind: 'Pod', uid },
      conditions: { ready: state === 'ready', terminating: state === 'terminating' },
    })),
  };
}

class World {
  readonly clock: ManualClock = new ManualClock();
  readonly awaited: number[] = [];
  readonly #slices = new Map<string, EndpointSlice>();
  readonly #departures: EndpointDepartures;
  readonly #reached = new Map<number, () => void>();
  #handler: InformerHandler<EndpointSlice> = {};
  hasLeft: boolean = false;

  constructor() {
    this.#departures = new EndpointDepartures({
      endpointSlices: {
        addHandler: (handler) => {
          this.#handler = handler;
          return () => undefined;
        },
        whenSynced: async () => undefined,
      },
      nodeName: 'host-1',
      whenReachedEverywhere: (version, signal) =>
        new Promise((resolve) => {
          this.awaited.push(version);
          this.#reached.set(version, resolve);
          signal.addEventListener('abort', () => resolve());
        }),
      clock: this.clock,
      logger: silentLogger,
    });
  }

  put(slice: EndpointSlice): void {
    const previous = this.#slices.get(slice.metadata.name);
    this.#slices.set(slice.metadata.name, slice);
    if (previous === undefined) this.#handler.onAdd?.(slice);
    else this.#handler.onUpdate?.(previous, slice);
  }

  async leave(pod: Pod): Promise<void> {
    this.#departures.leave(pod, 2_000).then(
      () => {
        this.hasLeft = true;
      },
      () => undefined,
    );
    await settle();
  }

  async reach(version: number): Promise<void> {
    this.#reached.get(version)?.();
    await settle();
  }
}

describe('EndpointDepartures', () => {
  it('waits for the write that took the pod out, and for all data planes to reach it', async () => {
    const world = new World();
    world.put(aSlice('web', 100, { 'uid-1': 'ready', other: 'ready' }));
    await world.leave(readyPod);
    world.put(aSlice('web', 200, { 'uid-1': 'ready' }));
    await settle();
    expect(world.awaited).toEqual([]);
    world.put(aSlice('web', 300, { 'uid-1': 'terminating' }));
    await settle();
    expect([world.awaited, world.hasLeft]).toEqual([[300], false]);
    await world.reach(300);
    expect(world.hasLeft).toBe(true);
    expect(world.clock.pendingTimers).toBe(0);
  });

  it('takes the version at which it left, not a later one of the same slice', async () => {
    const world = new World();
    world.put(aSlice('web', 100, { 'uid-1': 'ready' }));
    world.put(aSlice('web', 200, { 'uid-1': 'terminating' }));
    world.put(aSlice('web', 300, { 'uid-1': 'terminating', other: 'ready' }));
    await world.leave(readyPod);
    expect(world.awaited).toEqual([200]);
  });

  it('leaves every service', async () => {
    const world = new World();
    world.put(aSlice('web', 100, { 'uid-1': 'ready' }));
    world.put(aSlice('admin', 100, { 'uid-1': 'ready' }));
    await world.leave(readyPod);
    world.put(aSlice('web', 200, { 'uid-1': 'terminating' }));
    await settle();
    expect(world.awaited).toEqual([]);
    world.put(aSlice('admin', 300, {}));
    await settle();
    expect(world.awaited).toEqual([300]);
  });

  it('does not wait for a pod that no slice mentions, or that was never ready', async () => {
    const unknown = new World();
    await unknown.leave(readyPod);
    expect(unknown.hasLeft).toBe(true);
    const unready = new World();
    unready.put(aSlice('web', 100, { 'uid-1': 'unready' }));
    await unready.leave(aPod());
    expect(unready.hasLeft).toBe(true);
  });

  it('waits for a slice that does not know yet that the pod is ready', async () => {
    const world = new World();
    world.put(aSlice('web', 100, { 'uid-1': 'unready' }));
    await world.leave(readyPod);
    expect(world.hasLeft).toBe(false);
  });

  it('gives up when the time is over, whatever it waits for', async () => {
    const world = new World();
    world.put(aSlice('web', 100, { 'uid-1': 'ready' }));
    await world.leave(readyPod);
    await world.clock.advance(1_999);
    expect(world.hasLeft).toBe(false);
    await world.clock.advance(1);
    expect(world.hasLeft).toBe(true);
  });
});
