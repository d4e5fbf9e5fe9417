/**
 * Random histories of everything that takes room and gives it back. Whenever nothing moves by itself any more, no pod
 * waits that some node would take, no group that would fit, none that could make room by preemption and has not begun
 * to; and it comes to rest after a bounded number of attempts, so nobody is woken in a circle.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import {
  type BindingEnd,
  type EvictionEnd,
  ending,
  SchedulerWorld,
  type WorldFaults,
} from '../test/support/scheduler-world.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import type { PodClass } from './framework/pod-class.ts';
import { placeGroup, takeBack } from './groups/place-group.ts';
import { PreemptionIndex } from './preemption/preemption-index.ts';
import { hasEndingVictims } from './preemption/preemptor.ts';
import { type QueuedPod, SchedulingQueue } from './queue/scheduling-queue.ts';
import { fitsSomewhere } from './schedule.ts';
import { Waker } from './waker.ts';

const apps = ['a', 'b'] as const;
const zones = ['x', 'y'] as const;
const app = fc.constantFrom(...apps);
const node = fc.record({
  at: fc.nat(3),
  cpu: fc.constantFrom('1', '2', '4'),
  zone: fc.constantFrom(...zones),
  isCordoned: fc.boolean(),
  isTainted: fc.boolean(),
});
const constraints = [
  'none',
  'apart',
  'near',
  'by zone',
  'by taint',
  'port',
  'claim',
  'any namespace',
] as const;
const pod = fc.record({
  app,
  cpu: fc.constantFrom('1', '1', '2', '3'),
  priority: fc.constantFrom(0, 0, 5, 10),
  wants: fc.constantFrom(...constraints),
  of: app,
  group: fc.constantFrom(undefined, undefined, undefined, undefined, 'g'),
});
const at = fc.nat(30);
const bindingEnd = fc.constantFrom<BindingEnd[]>(
  'bound',
  'bound',
  'known',
  'seen later',
  'elsewhere',
  'gone',
  'outdated',
  'refused',
);
const evictionEnd = fc.constantFrom<EvictionEnd[]>('ending', 'ending', 'gone', 'refused');
const kind = <K extends string>(name: K) => fc.constant(name);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: kind('pod'), pod }) },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: kind('bindings'),
      end: bindingEnd,
      at,
      count: fc.integer({ min: 1, max: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: kind('evictions'),
      end: evictionEnd,
      count: fc.integer({ min: 1, max: 4 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: kind('node'), node }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('node away'), at: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.record({ kind: kind('pod away'), at }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('pod ends'), at }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('labels'), at, app }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('shrinks'), at }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('namespace'), team: app }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('volume'), isStored: fc.boolean() }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('group'), min: fc.integer({ min: 1, max: 4 }) }) },
  { weight: 1, arbitrary: fc.record({ kind: kind('time') }) },
);
const scenario = fc.record({
  nodes: fc.array(node, { minLength: 1, maxLength: 3 }),
  steps: fc.array(step, { maxLength: 30, size: 'max' }),
});
type Scenario = typeof scenario extends fc.Arbitrary<infer S> ? S : never;
type Step = Scenario['steps'][number];
type PodDrawn = typeof pod extends fc.Arbitrary<infer P> ? P : never;
type NodeDrawn = Scenario['nodes'][number];

/** Far beyond what some 20 pods need, woken once each by every change of a step. */
const maxAttempts = 300;
/** Until preemption is looked at again; no back-off is over. */
const restMs = 300;
const longerThanBackoffMs = 11_000;
const runs = Number(process.env['RUNS'] ?? 400);
const maxRunsToFind = 1_000;
const seed = Number(process.env['SEED'] ?? 5);
const hostname = 'kubernetes.io/hostname';

class Run {
  readonly world: SchedulerWorld;
  #lastNumber = 0;

  constructor(faults: WorldFaults) {
    this.world = new SchedulerWorld(faults);
  }

  async play({ nodes, steps }: Scenario): Promise<void> {
    const { world } = this;
    for (const [i, each] of nodes.entries()) this.#setNode({ ...each, at: i });
    for (const name of ['n0', 'n1']) world.volumes.addVolume(`disk-${name}`, name);
    world.setMinCount('g', 2);
    await this.#look('at first');
    for (const [i, each] of steps.entries()) {
      if (each.kind === 'time') await world.clock.advance(longerThanBackoffMs);
      this.#apply(each);
      await this.#look(`after ${i} ${each.kind}`);
    }
  }

  #apply(each: Step): void {
    const { world } = this;
    switch (each.kind) {
      case 'pod':
        this.#addPod(each.pod);
        return;
      case 'bindings':
        for (let i = 0; i < each.count; i += 1) world.endBinding(each.end, `n${each.at % 4}`);
        return;
      case 'evictions':
        for (let i = 0; i < each.count; i += 1) world.endEviction(each.end);
        return;
      case 'node':
        this.#setNode(each.node);
        return;
      case 'node away':
        world.nodes.remove(aNode({ name: `n${each.at}` }));
        return;
      case 'pod away': {
        const chosen = this.#choose(each.at);
        if (chosen !== undefined) world.removePod(chosen.metadata.name);
        return;
      }
      case 'pod ends':
        this.#change(each.at, ending);
        return;
      case 'labels':
        this.#change(each.at, (chosen) => ({
          ...chosen,
          metadata: { ...chosen.metadata, labels: { ...chosen.metadata.labels, app: each.app } },
        }));
        return;
      case 'shrinks':
        this.#change(each.at, (chosen) => ({
          ...chosen,
          spec: { ...chosen.spec, containers: aPod({ cpu: '1' }).spec.containers },
        }));
        return;
      case 'namespace':
        world.setNamespace('default', { team: each.team });
        return;
      case 'volume':
        world.volumes.endWrite(each.isStored);
        return;
      case 'group':
        world.setMinCount('g', each.min);
        return;
      case 'time':
    }
  }

  #choose(from: number): Pod | undefined {
    const all = [...this.world.pods.values()];
    return all[from % Math.max(1, all.length)];
  }

  /** Of a pod that has its node: nobody may change one that waits. */
  #change(from: number, by: (pod: Pod) => Pod): void {
    const chosen = this.#choose(from);
    if (chosen?.spec.nodeName !== undefined) this.world.setPod(by(chosen));
  }

  #setNode({ at: number, cpu, zone, isCordoned, isTainted }: NodeDrawn): void {
    const taints = isTainted ? [{ key: 'k', effect: 'NoSchedule' }] : [];
    const draft = { name: `n${number}`, cpu, labels: { zone }, taints, unschedulable: isCordoned };
    this.world.nodes.upsert(aNode(draft));
  }

  #addPod(drawn: PodDrawn): void {
    this.#lastNumber += 1;
    const name = `p${this.#lastNumber}`;
    const isMember = drawn.group !== undefined;
    const labels = { app: drawn.app, ...(isMember ? { 'scheduling.x-k8s.io/pod-group': 'g' } : {}) };
    const made = aPod({
      name,
      cpu: drawn.cpu,
      labels,
      ...(drawn.wants === 'port' ? { hostPorts: [80] } : {}),
    });
    if (drawn.wants === 'claim') this.world.volumes.addClaim(name);
    this.world.setPod({ ...made, spec: { ...made.spec, priority: drawn.priority, ...specOf(name, drawn) } });
  }

  async #look(when: string): Promise<void> {
    const { world } = this;
    const attempts = await world.rest(restMs, maxAttempts);
    if (attempts === undefined) throw new Error(`${when}: never comes to rest`);
    const parked = [...world.queue.waitingPods()].flatMap(({ metadata: { uid } }) => {
      const queued = world.queue.take(uid);
      if (queued === undefined) return [];
      world.queue.parkUnschedulable(uid);
      return [queued];
    });
    for (const each of parked) {
      const fault = this.#faultOf(each);
      if (fault !== undefined) throw new Error(`${when}: ${each.pod.metadata.name} ${fault}`);
    }
  }

  #faultOf({ uid, pod: waiting }: QueuedPod): string | undefined {
    const { cluster, judge, groups, feed } = this.world;
    // As its claims are now: what it was told no for may be out of date.
    const podClass = feed.classOf(waiting);
    const group = groups.heldGroupOf(uid);
    if (group !== undefined) return this.#faultOfGroup(group);
    const profile = judge.profileOf(podClass);
    if (profile === undefined) return 'has no profile';
    const nominatedFor = cluster.withdrawNomination(uid);
    const isFit = fitsSomewhere(profile.context, podClass);
    const plan = judge.preemptionFor(profile, podClass);
    if (nominatedFor !== undefined) cluster.nominate({ uid, podClass }, nominatedFor);
    const looksElsewhere = this.#looksElsewhere(podClass);
    // What is on its way to a node is heard of when it is there.
    if (isFit && !(looksElsewhere && this.#isUnderWay)) return 'waits in vain';
    const there = nominatedFor === undefined ? undefined : cluster.node(nominatedFor);
    const isRuledOut =
      there === undefined || profile.context.index.localOf(podClass).reject(there)?.isFinal === true;
    if (nominatedFor !== undefined && !isRuledOut && hasEndingVictims(cluster, nominatedFor, podClass))
      return undefined;
    if (this.world.evictions.length > 0) return undefined;
    // Of a pod that looks at other pods, changes elsewhere may let preemption help: that is not followed.
    return plan?.node === undefined || looksElsewhere ? undefined : `does not preempt on ${plan.node}`;
  }

  /** Some pod has been decided for a node and is not yet there. */
  get #isUnderWay(): boolean {
    return [...this.world.cluster.pods].some(({ isAssumed }) => isAssumed);
  }

  #looksElsewhere(podClass: PodClass): boolean {
    const profile = this.world.judge.profileOf(podClass);
    return profile?.context.index.placementOf(podClass).rules.some(({ rule }) => rule.isHard) === true;
  }

  #faultOfGroup(group: NonNullable<ReturnType<SchedulerWorld['groups']['heldGroupOf']>>): string | undefined {
    const { cluster, judge } = this.world;
    const needed = (group.minCount ?? 0) - group.settled;
    if (group.waiting.length < needed) return undefined;
    if (group.underWay > 0) return undefined;
    // One that is in its back-off keeps the others waiting.
    if (this.world.queue.counts.backoff > 0) return undefined;
    const nominated = group.waiting.flatMap((member) => {
      const at = cluster.withdrawNomination(member.uid);
      return at === undefined ? [] : [{ member, at }];
    });
    const profileOf = (each: PodClass) => judge.profileOf(each);
    const found = placeGroup({ cluster, candidates: group.waiting, needed, profileOf });
    const looksElsewhere = group.waiting.some(({ podClass }) => this.#looksElsewhere(podClass));
    const isFit = found.placed.length >= needed && !(looksElsewhere && this.#isUnderWay);
    takeBack(cluster, found);
    for (const { member, at: where } of nominated) cluster.nominate(member, where);
    return isFit ? 'waits in vain with its group' : undefined;
  }
}

function specOf(name: string, { wants, of }: PodDrawn): Partial<Pod['spec']> {
  const labelSelector = { matchLabels: { app: of } };
  const terms = (topologyKey: string, more = {}) => ({
    requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey, labelSelector, ...more }],
  });
  switch (wants) {
    case 'apart':
      return { affinity: { podAntiAffinity: terms(hostname) } };
    case 'any namespace':
      return {
        affinity: { podAntiAffinity: terms('zone', { namespaceSelector: { matchLabels: { team: 'a' } } }) },
      };
    case 'near':
      return { affinity: { podAffinity: terms('zone') } };
    case 'by zone':
    case 'by taint': {
      const nodeTaintsPolicy = wants === 'by taint' ? 'Honor' : 'Ignore';
      const constraint = {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        nodeTaintsPolicy,
      };
      return { topologySpreadConstraints: [{ ...constraint, labelSelector }] };
    }
    case 'claim':
      return { volumes: [{ name: 'v', persistentVolumeClaim: { claimName: name } }] };
    case 'port':
    case 'none':
      return {};
  }
}

interface Planted {
  readonly what: string;
  readonly fault: RegExp;
  readonly faults?: WorldFaults;
  readonly plant?: () => void;
}

const deafen = (method: 'domainsChanged' | 'namespacesChanged' | 'podsChanged' | 'nodeChanged') => () =>
  void vi.spyOn(Waker.prototype, method).mockImplementation(() => undefined);

const foundByChance: readonly Planted[] = [
  {
    ...{ what: 'a decision that came to nothing wakes nobody', fault: /waits in vain/ },
    faults: { cycleIsSilent: true },
  },
  { what: 'nodes change unheard', fault: /waits in vain/, plant: deafen('nodeChanged') },
  { what: 'pods go unheard', fault: /waits in vain/, plant: deafen('podsChanged') },
  {
    ...{ what: 'every attempt wakes all', fault: /never comes to rest/ },
    faults: { everyAttemptWakes: true },
  },
];

/** What chance finds too seldom for a test of some seconds. */
interface Told extends Planted {
  readonly steps: readonly Step[];
  readonly world?: WorldFaults;
}

const nodeStep = (number: number, cpuCount: NodeDrawn['cpu'], zone: NodeDrawn['zone']): Step => ({
  kind: 'node',
  node: { at: number, cpu: cpuCount, zone, isCordoned: false, isTainted: false },
});
const podStep = (change: Partial<PodDrawn> = {}): Step => ({
  kind: 'pod',
  pod: { app: 'a', cpu: '1', priority: 0, wants: 'none', of: 'a', group: undefined, ...change },
});
const isBound: Step = { kind: 'bindings', end: 'bound', at: 0, count: 1 };

const told: readonly Told[] = [
  {
    ...{ what: 'a volume that is given up wakes nobody', fault: /waits in vain/ },
    faults: { volumesAreSilent: true },
    steps: [
      nodeStep(0, '4', 'x'),
      podStep({ wants: 'claim' }),
      podStep({ wants: 'claim' }),
      { kind: 'volume', isStored: false },
    ],
  },
  {
    ...{ what: 'domains change unheard', fault: /waits in vain/, plant: deafen('domainsChanged') },
    steps: [
      ...[nodeStep(0, '1', 'x'), podStep(), isBound, nodeStep(1, '2', 'y')],
      ...[podStep({ wants: 'near' }), nodeStep(0, '1', 'y')],
    ],
  },
  {
    ...{ what: 'namespaces change unheard', fault: /waits in vain/, plant: deafen('namespacesChanged') },
    steps: [
      ...[nodeStep(0, '4', 'x'), { kind: 'namespace', team: 'a' } as const],
      ...[podStep({ wants: 'any namespace', of: 'b' }), isBound, podStep({ app: 'b' })],
      { kind: 'namespace', team: 'b' },
    ],
  },
  {
    ...{ what: 'nobody asks again for preemption', fault: /does not preempt/ },
    plant: () => void vi.spyOn(PreemptionIndex.prototype, 'helpsOn').mockReturnValue(false),
    steps: [
      ...[nodeStep(0, '2', 'x'), podStep({ priority: 10 }), isBound, podStep(), isBound],
      ...[podStep({ priority: 5, cpu: '2' }), { kind: 'pod away', at: 0 } as const],
    ],
  },
  {
    ...{ what: 'a failed eviction is tried again at once', fault: /never comes to rest/ },
    plant: () => void vi.spyOn(SchedulingQueue.prototype, 'backOff').mockImplementation(() => undefined),
    world: { evictionsFail: true },
    steps: [nodeStep(0, '1', 'x'), podStep(), isBound, podStep({ priority: 5 })],
  },
];

async function play(drawn: Scenario, faults: WorldFaults = {}): Promise<void> {
  const run = new Run(faults);
  try {
    await run.play(drawn);
  } finally {
    await run.world.stop();
  }
}

async function holds(numRuns: number, faults: WorldFaults = {}, endOnFailure = false): Promise<void> {
  const property = fc.asyncProperty(scenario, (drawn) => play(drawn, faults));
  await fc.assert(property, { numRuns, seed, endOnFailure, includeErrorInReport: true });
}

async function isRejected({ plant, fault }: Planted, playing: () => Promise<void>): Promise<void> {
  plant?.();
  try {
    await expect(playing()).rejects.toThrow(fault);
  } finally {
    vi.restoreAllMocks();
  }
}

describe('a scheduler at rest', () => {
  it('lets nobody wait whom a node would take, and wakes nobody in a circle', () => holds(runs));

  it.each(foundByChance)('is found out when $what', (each) =>
    isRejected(each, () => holds(maxRunsToFind, each.faults, true)),
  );

  it.each(told)('is found out when $what, by the history of that', async (each) => {
    const { steps, faults, world } = each;
    const history = { nodes: [], steps: [...steps] };
    await play(history, world);
    await isRejected(each, () => play(history, { ...world, ...faults }));
  });
});
