import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { aNode, aPod } from '../../test/support/scheduling-objects.ts';
import { Cluster } from '../cache/cluster.ts';
import { PlacementIndex } from '../cache/placement-index.ts';
import { PodClasses } from '../framework/pod-class.ts';
import { defaultPlugins } from '../plugin-registry.ts';
import { type SchedulingContext, schedule } from '../schedule.ts';
import { leastLoaded } from '../strategies/least-loaded.ts';
import { Balance } from './balance.ts';
import type { Move } from './next-move.ts';

const minuteMs = 60_000;
const roundMs = 10_000;
const settleMs = 2 * minuteMs;
const cpuMillis = 4_000;

interface Workload {
  readonly owner: string;
  readonly cpu: string | undefined;
  /** Really used, in thousandths of a CPU. */
  readonly uses: number;
}

/** Pods that are where they are, use what they use, and go where they are moved to. */
class World {
  readonly cluster = new Cluster();
  readonly moves: { readonly atMs: number; readonly move: Move }[] = [];
  readonly #uses = new Map<string, number>();
  readonly #classes = new PodClasses();
  readonly #balance: Balance;
  readonly ill = new Set<string>();
  #nowMs = 0;
  #lastUid = 0;

  constructor(nodes: number, lengthMs: number = settleMs) {
    const { cluster } = this;
    for (let i = 1; i <= nodes; i += 1)
      cluster.setNode(aNode({ name: `node-${i}`, cpu: String(cpuMillis / 1_000) }));
    const context: SchedulingContext = {
      cluster,
      plugins: defaultPlugins,
      index: new PlacementIndex(cluster, defaultPlugins),
    };
    this.#balance = new Balance({
      cluster,
      settleMs: lengthMs,
      contextOf: () => context,
      isWell: ({ name }) => !this.ill.has(name),
    });
  }

  place({ owner, cpu, uses }: Workload, nodeName: string): void {
    this.#lastUid += 1;
    const uid = `pod-${this.#lastUid}`;
    const podClass = this.#classes.of(aPod({ owner, cpu }));
    this.cluster.setPod({
      ...{ uid, name: `default/${uid}`, podClass, nodeName, isLive: true, isAssumed: false },
    });
    this.#uses.set(uid, uses);
  }

  /** One round: agents report, then at most one pod moves. @param factor of what is used, by node */
  round(factor: (node: string) => number = () => 1): void {
    this.#nowMs += roundMs;
    for (const { name } of this.cluster.nodes) {
      const used = [...this.cluster.podsOn(name)].reduce(
        (sum, { uid }) => sum + (this.#uses.get(uid) ?? 0),
        0,
      );
      this.cluster.setLoad(
        name,
        { cpuMillis: Math.min(cpuMillis, used * factor(name)), memoryBytes: 0, confidence: 1 },
        true,
      );
    }
    this.#balance.observe(this.#nowMs);
    const move = this.#balance.next();
    if (move === undefined) return;
    const { pod, to } = move;
    this.cluster.removePod(pod.uid);
    this.cluster.setPod({ ...pod, nodeName: to });
    this.#balance.moved(move);
    this.moves.push({ atMs: this.#nowMs, move });
  }

  rounds(count: number, factor?: (node: string) => number): void {
    for (let i = 0; i < count; i += 1) this.round(factor);
  }

  replicasOn(owner: string): number[] {
    return [...this.cluster.nodes].map((node) => node.replicasOf(owner)).sort();
  }
}

const hours = (count: number): number => (count * 60 * minuteMs) / roundMs;

const workloads = fc.array(
  fc.record({
    owner: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f'),
    cpu: fc.constantFrom(undefined, '50m', '200m', '500m'),
    uses: fc.integer({ min: 0, max: 600 }),
    node: fc.nat(4),
  }),
  { minLength: 1, maxLength: 20 },
);

const populated = (nodes: number, pods: readonly (Workload & { readonly node: number })[]): World => {
  const world = new World(nodes);
  for (const { node, ...workload } of pods) world.place(workload, `node-${1 + (node % nodes)}`);
  return world;
};

/** In each span of time each node is busy, and once idle, whenever that is. */
function flapped(seed: number, nodes: number, lengthMs: number): World {
  const random = seededRandom(seed);
  const world = new World(nodes, lengthMs);
  for (let i = 0; i < 2 * nodes; i += 1)
    world.place({ owner: `owner-${i}`, cpu: '100m', uses: 1_500 }, `node-${1 + (i % nodes)}`);
  const span = settleMs / roundMs / 2;
  for (let i = 0; i < 40; i += 1) {
    const idleAt = Math.floor(random.next() * span);
    const isIdle = (node: string, at: number): boolean => at === (idleAt + Number(node.at(-1))) % span;
    for (let at = 0; at < span; at += 1) world.round((node) => (isIdle(node, at) ? 0 : 1));
  }
  return world;
}

describe('rebalancing', () => {
  it('spreads replicas over a node that has come back, and then rests', () => {
    const world = new World(3);
    for (const node of ['node-1', 'node-1', 'node-1', 'node-2', 'node-2', 'node-2'])
      world.place({ owner: 'web', cpu: '100m', uses: 50 }, node);
    world.rounds(30);
    expect(world.replicasOn('web')).toEqual([2, 2, 2]);
    expect(world.moves).toHaveLength(2);
    expect(world.moves.map(({ move }) => move.to)).toEqual(['node-3', 'node-3']);
  });

  it('leaves a node alone that has just come back', () => {
    const world = new World(2);
    for (let i = 0; i < 4; i += 1) world.place({ owner: 'web', cpu: '100m', uses: 0 }, 'node-1');
    world.ill.add('node-2');
    world.rounds(20);
    world.ill.clear();
    world.rounds(settleMs / roundMs);
    expect(world.moves).toEqual([]);
    world.rounds(10);
    expect(world.replicasOn('web')).toEqual([2, 2]);
  });

  it('takes pods off a node whose load has risen for good', () => {
    const world = new World(3);
    for (const owner of ['a', 'b', 'c']) world.place({ owner, cpu: undefined, uses: 900 }, 'node-1');
    world.rounds(60);
    expect(world.moves.map(({ move }) => move.reason)).toEqual(world.moves.map(() => 'load'));
    expect(world.moves.length).toBeGreaterThan(0);
    expect(
      Math.max(...['node-1', 'node-2', 'node-3'].map((name) => world.cluster.podsOn(name).length)),
    ).toBeLessThan(3);
  });

  it('does not move for load that comes and goes', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 2, max: 5 }), (seed, nodes) => {
        expect(flapped(seed, nodes, settleMs).moves).toEqual([]);
      }),
      { numRuns: 20 },
    );
    // Who looks at the last report only falls for it.
    expect(flapped(1, 3, 0).moves).not.toEqual([]);
  });

  it('comes to rest after any trace of loads, and no pod goes to and fro', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), workloads, fc.integer(), (nodes, pods, seed) => {
        const random = seededRandom(seed);
        const world = populated(nodes, pods);
        for (let i = 0; i < 10; i += 1) {
          const factors = new Map(
            Array.from({ length: nodes }, (_, n) => [`node-${n + 1}`, 2 * random.next()]),
          );
          world.rounds(1 + Math.floor(20 * random.next()), (name) => factors.get(name) ?? 1);
        }
        const turmoil = world.moves.length;
        world.rounds(hours(4));
        const later = world.moves.length;
        world.rounds(hours(4));
        // What pods use without having said so is found out by moving them, less and less often.
        expect(world.moves.length - later).toBeLessThanOrEqual(Math.max(2, (later - turmoil) / 2));
        expectNoQuickReturn(world);
      }),
      { numRuns: 30 },
    );
  }, 60_000);

  it('comes to a fixed point when pods use what they request', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 5 }), workloads, (nodes, pods) => {
        const honest = pods.map((pod) => ({ ...pod, cpu: '200m', uses: 200 }));
        const world = populated(nodes, honest);
        world.rounds(hours(1));
        const { length } = world.moves;
        world.rounds(hours(3));
        expect(world.moves).toHaveLength(length);
        const returns = world.moves.filter(({ move }, i) =>
          world.moves
            .slice(0, i)
            .some(({ move: before }) => before.pod.uid === move.pod.uid && before.from === move.to),
        );
        expect(returns).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });
});

/** No pod comes back to a node that it left less than ten minutes ago. */
function expectNoQuickReturn({ moves }: World): void {
  for (const [i, { atMs, move }] of moves.entries())
    for (const before of moves.slice(0, i))
      if (before.move.pod.uid === move.pod.uid && before.move.from === move.to)
        expect(atMs - before.atMs).toBeGreaterThanOrEqual(10 * minuteMs);
}

describe('the search for a move', () => {
  it('changes nothing', () => {
    const world = new World(3);
    for (let i = 0; i < 5; i += 1) world.place({ owner: 'web', cpu: '100m', uses: 50 }, 'node-1');
    world.rounds(settleMs / roundMs);
    const stateOf = (): string =>
      JSON.stringify(
        [...world.cluster.nodes].map(({ name, requested, estimated, sinceReport, podCount }) => [
          ...[name, requested, estimated, sinceReport, podCount],
        ]),
      );
    const before = stateOf();
    const context = {
      cluster: world.cluster,
      plugins: defaultPlugins,
      index: new PlacementIndex(world.cluster, defaultPlugins),
    };
    const balance = new Balance({
      cluster: world.cluster,
      settleMs: 0,
      contextOf: () => context,
      isWell: () => true,
    });
    balance.observe(0);
    const move = balance.next();
    expect(move).toMatchObject({ from: 'node-1', reason: 'spread' });
    expect(stateOf()).toBe(before);
    const [pod] = world.cluster.podsOn('node-1');
    expect(schedule(context, pod?.podClass ?? expect.fail(), leastLoaded)?.name).toBe(move?.to);
  });
});
