/** What becomes of those that were told no, when what stood in their way comes to nothing. */
import { afterEach, describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import { silentLogger } from '../base/logger.ts';
import { seededRandom } from '../base/random.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import type { BindOutcome } from './binder.ts';
import { Cluster } from './cache/cluster.ts';
import { SchedulingCycle } from './cycle.ts';
import { toPodClass } from './framework/pod-class.ts';
import type { PreemptionOutcome } from './preemption/preemptor.ts';
import { profilesOf } from './profile.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import { Waker } from './waker.ts';

const cycles: (() => Promise<void>)[] = [];

afterEach(async () => {
  for (const stop of cycles.splice(0)) await stop();
});

/** A cycle whose bindings have the outcome that the test gives them, and no other. */
class World {
  readonly clock: ManualClock = new ManualClock();
  readonly cluster: Cluster = new Cluster();
  readonly queue: SchedulingQueue = new SchedulingQueue(this.clock, seededRandom(1));
  /** Bindings under way: pod to node, and how they are settled. */
  readonly bindings: Map<string, { readonly node: string; settle(outcome: BindOutcome): void }> = new Map();
  /** What preemption does for the next pod that fits nowhere. */
  preemption: (uid: string) => PreemptionOutcome = () => ({ nominatedNodeName: undefined, text: '' });

  constructor() {
    const { cluster, queue, clock } = this;
    const profiles = profilesOf({ cluster, strategy: 'least-loaded', random: seededRandom(1) });
    const contextOf = ({ schedulerName }: { readonly schedulerName: string }) =>
      profiles.get(schedulerName)?.context;
    const nothing = async (): Promise<void> => undefined;
    const cycle = new SchedulingCycle({
      ...{ cluster, queue, clock, profiles, logger: silentLogger },
      waker: new Waker({ cluster, queue, clock, contextOf }),
      preemptor: { attempt: ({ queued }) => this.preemption(queued.uid), drain: nothing },
      groups: { decide: () => false, settled: () => undefined },
      conditions: { report: () => undefined, drain: nothing },
      events: { event: () => undefined },
      metrics: { attempted: () => undefined, preempted: () => undefined, bound: () => undefined },
      binder: {
        hasRoom: true,
        whenRoom: nothing,
        drain: nothing,
        start: (pod, node, _signal, settle) => void this.bindings.set(pod.metadata.name, { node, settle }),
        startTogether: () => undefined,
      },
    });
    const stop = new AbortController();
    const running = cycle.run(stop.signal);
    cycles.push(() => {
      stop.abort();
      return running;
    });
  }

  async wait(pod: Pod): Promise<void> {
    this.queue.set(pod, toPodClass(pod));
    await this.clock.advance(0);
  }

  async settle(name: string, outcome: BindOutcome): Promise<void> {
    const binding = this.bindings.get(name);
    this.bindings.delete(name);
    binding?.settle(outcome);
    await this.clock.advance(0);
  }

  get boundTo(): Record<string, string> {
    return Object.fromEntries([...this.bindings].map(([name, { node }]) => [name, node]));
  }
}

const jealousOf = (app: string): Pod['spec']['affinity'] => ({
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app } } },
    ],
  },
});

const comesToNothing: readonly BindOutcome[] = [
  { outcome: 'gone' },
  { outcome: 'unanswered' },
  { outcome: 'refused', error: new Error('no such node') },
];

describe('SchedulingCycle', () => {
  it.each(comesToNothing)(
    'gives the room of a binding that is $outcome to one told no meanwhile',
    async (outcome) => {
      const world = new World();
      world.cluster.setNode(aNode({ name: 'n0', cpu: '1' }));
      await world.wait(aPod({ name: 'first', cpu: '1' }));
      await world.wait(aPod({ name: 'second', cpu: '1' }));
      expect(world.boundTo).toEqual({ first: 'n0' });
      expect(world.queue.counts.unschedulable).toBe(1);
      await world.settle('first', outcome);
      expect(world.boundTo).toEqual({ second: 'n0' });
    },
  );

  it('gives the room of an outdated binding to another when the pod now has no node', async () => {
    const world = new World();
    world.cluster.setNode(aNode({ name: 'n0', cpu: '2' }));
    const affinity = { affinity: jealousOf('rival') };
    await world.wait(aPod({ name: 'first', cpu: '2', spec: affinity }));
    await world.wait(aPod({ name: 'second', cpu: '1' }));
    expect(world.boundTo).toEqual({ first: 'n0' });
    // Another scheduler has bound the rival, without requests.
    const rival = aPod({ name: 'rival', labels: { app: 'rival' } });
    world.cluster.setPod({
      ...{ uid: rival.metadata.uid, name: 'default/rival', podClass: toPodClass(rival), nodeName: 'n0' },
      ...{ isLive: true, isAssumed: false },
    });
    await world.settle('first', { outcome: 'outdated' });
    expect(world.boundTo).toEqual({ second: 'n0' });
  });

  it('lets in those that a binding which came to nothing kept away by its terms', async () => {
    const world = new World();
    world.cluster.setNode(aNode({ name: 'n0' }));
    await world.wait(aPod({ name: 'first', spec: { affinity: jealousOf('rival') } }));
    await world.wait(aPod({ name: 'rival', labels: { app: 'rival' } }));
    expect(world.boundTo).toEqual({ first: 'n0' });
    await world.settle('first', { outcome: 'gone' });
    expect(world.boundTo).toEqual({ rival: 'n0' });
  });

  it('gives up a nomination when the pod goes elsewhere: one that it kept away goes there', async () => {
    const world = new World();
    world.cluster.setNode(aNode({ name: 'n0', cpu: '2' }));
    const first = aPod({ name: 'first', cpu: '1500m', spec: { priority: 10 } });
    world.preemption = (uid) => {
      if (uid !== first.metadata.uid) return { nominatedNodeName: undefined, text: '' };
      world.cluster.nominate({ uid, podClass: toPodClass(first) }, 'n0');
      return { nominatedNodeName: 'n0', victims: 1 };
    };
    world.cluster.setPod({
      ...{
        uid: 'victim',
        name: 'default/victim',
        podClass: toPodClass(aPod({ cpu: '1500m' })),
        nodeName: 'n0',
      },
      ...{ isLive: false, isAssumed: false },
    });
    await world.wait(first);
    await world.wait(aPod({ name: 'second', cpu: '500m' }));
    expect(world.boundTo).toEqual({});
    world.cluster.setNode(aNode({ name: 'n1', cpu: '1500m' }));
    world.queue.wakeOne(first.metadata.uid);
    await world.clock.advance(0);
    expect(world.boundTo).toEqual({ first: 'n1', second: 'n0' });
  });
});
