/**
 * Random clusters and groups of alike pods: whatever happens, a group is bound whole or not at all, no node is given
 * more than it has, and none waits that would fit by the naive count of the reference.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Node } from '../../api/generated/core-v1.ts';
import { GroupWorld } from '../../test/support/group-world.ts';
import { aNode } from '../../test/support/scheduling-objects.ts';
import { roomFor, type World } from '../../test/support/scheduling-reference.ts';
import { Cluster } from '../cache/cluster.ts';
import { SchedulingQueue } from '../queue/scheduling-queue.ts';
import { PodGroups } from './pod-groups.ts';

const cpu = fc.constantFrom('1', '2', '3');
const group = fc.constantFrom('g', 'h', 'i');
const node = fc.record({ cpu: fc.constantFrom('1', '2', '5', '7'), pods: fc.integer({ min: 1, max: 6 }) });
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('members' as const),
      group,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('min' as const), group, count: fc.integer({ min: 1, max: 6 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('node' as const), node }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('remove' as const), at: fc.nat(20) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('disband' as const), group }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('refuse' as const), at: fc.nat(20) }) },
);
const scenario = fc.record({
  cpus: fc.record({ g: cpu, h: cpu, i: cpu }),
  mins: fc.record({
    g: fc.integer({ min: 2, max: 6 }),
    h: fc.integer({ min: 2, max: 6 }),
    i: fc.integer({ min: 2, max: 6 }),
  }),
  nodes: fc.array(node, { minLength: 1, maxLength: 4 }),
  /** Pods without a group that hold room at first. */
  others: fc.array(cpu, { maxLength: 4 }),
  steps: fc.array(step, { maxLength: 12 }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer S> ? S : never;
type GroupName = keyof Scenario['mins'];
const names = ['g', 'h', 'i'] as const;

interface RunFaults {
  readonly bindsApart?: boolean;
}

class Run {
  readonly faults: string[] = [];
  readonly #scenario: Scenario;
  readonly #world = new GroupWorld();
  readonly #nodes: Node[] = [];
  readonly #mins: Record<GroupName, number>;
  /** Groups that had members taken from them: as few as are left may be bound. */
  readonly #robbed = new Set<string>();
  #lastNumber = 0;

  constructor(drawn: Scenario, faults: RunFaults) {
    this.#scenario = drawn;
    this.#world.bindsApart = faults.bindsApart === true;
    this.#mins = { ...drawn.mins };
    for (const each of drawn.nodes) this.#addNode(each);
    for (const [i, each] of drawn.others.entries()) this.#world.addPod({ name: `other-${i}`, cpu: each });
    for (const name of names) this.#world.setMinCount(name, drawn.mins[name]);
  }

  async play(): Promise<void> {
    await this.#look();
    for (const each of this.#scenario.steps) {
      this.#apply(each);
      await this.#look();
    }
  }

  #addNode(draft: Scenario['nodes'][number]): void {
    const name = `n${this.#nodes.length}`;
    this.#nodes.push(aNode({ name, ...draft }));
    this.#world.addNode({ name, ...draft });
  }

  #apply(each: Scenario['steps'][number]): void {
    const world = this.#world;
    switch (each.kind) {
      case 'members':
        for (let i = 0; i < each.count; i += 1) this.#addMember(each.group);
        break;
      case 'min':
        if (
          world.bound(`${each.group}-`).length < this.#mins[each.group] ||
          each.count > this.#mins[each.group]
        )
          this.#robbed.add(each.group);
        this.#mins[each.group] = each.count;
        world.setMinCount(each.group, each.count);
        break;
      case 'node':
        this.#addNode(each.node);
        break;
      case 'remove': {
        const all = [...world.pods.keys()];
        const name = all[each.at % Math.max(1, all.length)];
        if (name !== undefined) this.#remove(name);
        break;
      }
      case 'refuse': {
        const waiting = [...world.pods.keys()].filter((name) => world.nodeOf(name) === undefined);
        const next = waiting[each.at % Math.max(1, waiting.length)];
        // Of one that is there, or of the next one that comes.
        world.refused.add(next ?? `${names[each.at % 3]}-${this.#lastNumber + 1}`);
        break;
      }
      case 'disband':
        for (const name of [...world.pods.keys()].filter((pod) => pod.startsWith(`${each.group}-`)))
          this.#remove(name);
        this.#robbed.delete(each.group);
    }
  }

  #addMember(name: GroupName): void {
    this.#lastNumber += 1;
    this.#world.addPod({ name: `${name}-${this.#lastNumber}`, group: name, cpu: this.#scenario.cpus[name] });
  }

  #remove(name: string): void {
    if (this.#world.nodeOf(name) !== undefined) this.#robbed.add(name.split('-')[0] ?? '');
    this.#world.removePod(name);
  }

  async #look(): Promise<void> {
    await this.#world.settle();
    // Those whose binding was refused: meanwhile no other member goes alone.
    for (const name of names) this.#lookForParts(name);
    if (this.#world.queue.counts.backoff > 0) {
      await this.#world.clock.advance(longestBackoffMs);
      await this.#world.settle();
    }
    const world = this.#seen();
    for (const each of this.#nodes) {
      const on = world.placed.filter(({ nodeName }) => nodeName === each.metadata.name);
      const used = on.reduce(
        (sum, { pod }) => sum + Number(pod.spec.containers[0]?.resources?.requests?.['cpu']),
        0,
      );
      const { cpu: has, pods: room } = each.status?.allocatable ?? {};
      if (used > Number(has) || on.length > Number(room))
        this.faults.push(`overcommitted ${each.metadata.name}`);
    }
    for (const name of names) this.#lookAt(name, world);
  }

  #lookAt(name: GroupName, seen: World): void {
    const members = [...this.#world.pods.values()].filter(({ metadata }) =>
      metadata.name.startsWith(`${name}-`),
    );
    const bound = this.#lookForParts(name);
    const min = this.#mins[name];
    const waiting = members.find(({ spec }) => spec.nodeName === undefined);
    if (waiting === undefined) return;
    const needed = Math.max(1, min - bound);
    const isWhole = members.length >= min;
    if (isWhole && roomFor(seen, waiting) >= needed) this.faults.push(`waits in vain ${name}`);
  }

  /** @returns how many are bound */
  #lookForParts(name: GroupName): number {
    const bound = this.#world.bound(`${name}-`).length;
    const isPart = bound > 0 && bound < this.#mins[name];
    if (isPart && !this.#robbed.has(name)) this.faults.push(`half placed ${name}`);
    return bound;
  }

  #seen(): World {
    const placed = [...this.#world.pods.values()].flatMap((pod) =>
      pod.spec.nodeName === undefined ? [] : [{ pod, nodeName: pod.spec.nodeName, isEnding: false }],
    );
    return { nodes: this.#nodes, placed, namespaceLabels: {} };
  }
}

const longestBackoffMs = 10_000;

async function holds(numRuns: number, faults: RunFaults = {}): Promise<void> {
  const property = fc.asyncProperty(scenario, async (drawn) => {
    const run = new Run(drawn, faults);
    await run.play();
    expect(run.faults.join()).toBe('');
  });
  await fc.assert(property, { numRuns, seed: 5, includeErrorInReport: true });
}

describe('groups', () => {
  it('are bound whole or not at all, never beyond what nodes have, and as soon as they fit', () =>
    holds(300));

  it('are found out when their bindings do not stand or fall together', async () => {
    await expect(holds(300, { bindsApart: true })).rejects.toThrow(/half placed/);
  });

  it.each([
    [
      'lets one member go short',
      /half placed/,
      () => {
        const held = PodGroups.prototype.heldGroupOf;
        vi.spyOn(PodGroups.prototype, 'heldGroupOf').mockImplementation(function (this: PodGroups, uid) {
          const found = held.call(this, uid);
          return found && { ...found, minCount: (found.minCount ?? 1) - 1 };
        });
      },
    ],
    [
      'does not take back what did not come about',
      /half placed|waits in vain/,
      () => {
        const remove = Cluster.prototype.removePod;
        vi.spyOn(Cluster.prototype, 'removePod').mockImplementation(function (this: Cluster, uid) {
          return this.pod(uid)?.isAssumed === true ? undefined : remove.call(this, uid);
        });
      },
    ],
    [
      'misses changes',
      /waits in vain/,
      () => void vi.spyOn(SchedulingQueue.prototype, 'wake').mockImplementation(() => undefined),
    ],
  ])('are found out when something %s', async (_, fault, plant) => {
    plant();
    try {
      await expect(holds(300)).rejects.toThrow(fault);
    } finally {
      vi.restoreAllMocks();
    }
  });
});
