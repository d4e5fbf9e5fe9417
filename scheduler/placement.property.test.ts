/**
 * Random clusters and pods: after every change the fast path says of every node what the naive reference says, in
 * feasibility and in points, and chooses a node of which there is no better one.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Node, Pod } from '../api/generated/core-v1.ts';
import type { LabelSelector } from '../api/generated/meta-v1.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import {
  brokenRules,
  type PlacedReference,
  pointsOf,
  type World,
} from '../test/support/scheduling-reference.ts';
import { Cluster } from './cache/cluster.ts';
import { DomainCounter } from './cache/domain-counter.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { toNodeFacts, withVolumeLimits } from './framework/node-info.ts';
import type { PluginSet } from './framework/plugin.ts';
import { PodClasses } from './framework/pod-class.ts';
import { noVolumeNeeds, type VolumeNeeds } from './framework/volume-needs.ts';
import { defaultPlugins } from './plugin-registry.ts';
import { explain, schedule } from './schedule.ts';
import { leastLoaded } from './strategies/least-loaded.ts';

const namespaceLabels = { one: { team: 'red' }, two: { team: 'blue' } };
const keys = ['zone', 'rack', 'kubernetes.io/hostname'] as const;
const maybe = <T>(value: fc.Arbitrary<T>, freq = 3): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq });
const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const none = fc.constant<never[]>([]);
const app = fc.constantFrom('x', 'y');

/** Claims, and who attaches their volumes. */
const disks = ['d1', 'd2', 'd3', 'other'] as const;
const driverOf = (disk: string): string => (disk === 'other' ? 'other.example' : 'disk.example');
const drivers = Object.fromEntries(
  disks.flatMap((disk) => ['one', 'two'].map((namespace) => [`${namespace}/${disk}`, driverOf(disk)])),
);

const nodeDraft = fc.record({
  cpu: fc.constantFrom('1', '2', '4', '16'),
  pods: fc.integer({ min: 1, max: 9 }),
  zone: maybe(fc.constantFrom('a', 'b'), 6),
  rack: maybe(fc.constantFrom('1', '2', '3')),
  taint: rarely(fc.constantFrom('NoSchedule', 'PreferNoSchedule')),
  unschedulable: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  diskLimit: rarely(fc.integer({ min: 0, max: 2 })),
});

const term = fc.record({
  topologyKey: fc.constantFrom(...keys),
  labelSelector: maybe(
    fc.oneof(
      app.map((name) => ({ matchLabels: { app: name } })),
      fc.constant<LabelSelector>({ matchExpressions: [{ key: 'tier', operator: 'Exists' }] }),
    ),
    9,
  ),
  namespaces: rarely(fc.constant<string[]>(['two'])),
  namespaceSelector: rarely(fc.constantFrom<LabelSelector[]>({}, { matchLabels: { team: 'red' } })),
  matchLabelKeys: rarely(fc.constant<string[]>(['tier'])),
  mismatchLabelKeys: fc.constant(undefined),
});
const weighted = fc.record({ weight: fc.integer({ min: 1, max: 100 }), podAffinityTerm: term });
const terms = (max = 1) =>
  fc.oneof(
    { weight: 5, arbitrary: none },
    { weight: 1, arbitrary: fc.array(term, { maxLength: max, minLength: 1 }) },
  );
const preferred = fc.oneof(
  { weight: 5, arbitrary: none },
  { weight: 1, arbitrary: fc.array(weighted, { maxLength: 2, minLength: 1 }) },
);

const spreadConstraint = fc.record({
  topologyKey: fc.constantFrom(...keys),
  maxSkew: fc.integer({ min: 1, max: 3 }),
  whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
  labelSelector: app.map((name) => ({ matchLabels: { app: name } })),
  matchLabelKeys: rarely(fc.constant<string[]>(['tier'])),
  nodeAffinityPolicy: rarely(fc.constant('Ignore')),
  nodeTaintsPolicy: rarely(fc.constant('Honor')),
});
const spread = fc
  .oneof(
    { weight: 2, arbitrary: none },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(fc.tuple(spreadConstraint, rarely(fc.integer({ min: 2, max: 3 }))), {
        minLength: 1,
        maxLength: 2,
        selector: ([each]) => `${each.topologyKey} ${each.whenUnsatisfiable}`,
      }),
    },
  )
  .map((all) =>
    all.map(([each, minDomains]) => ({
      ...each,
      minDomains: each.whenUnsatisfiable === 'DoNotSchedule' ? minDomains : undefined,
    })),
  );

const podDraft = fc.record({
  cpu: fc.constantFrom(undefined, '100m', '700m', '2'),
  initCpu: rarely(fc.constantFrom('300m', '1')),
  isSidecar: fc.boolean(),
  hostPort: rarely(fc.constantFrom(80, 443)),
  namespace: fc.constantFrom('one', 'one', 'two'),
  app,
  tier: maybe(fc.constantFrom('front', 'back')),
  zone: rarely(fc.constantFrom('a', 'b')),
  prefersRack: rarely(fc.constantFrom('1', '2')),
  tolerates: fc.boolean(),
  disks: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    {
      weight: 2,
      arbitrary: fc.uniqueArray(fc.constantFrom<string[]>(...disks), { minLength: 1, maxLength: 2 }),
    },
  ),
  owner: maybe(fc.constantFrom('o', 'p')),
  affinity: terms(2),
  antiAffinity: terms(),
  prefers: preferred,
  prefersAnti: preferred,
  spread,
});

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('place' as const), template: fc.nat(3) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('remove' as const, 'end' as const), at: fc.nat(8) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('setNode' as const), at: fc.nat(6), node: nodeDraft }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('removeNode' as const), at: fc.nat(6) }) },
);
const scenario = fc.record({
  /** Few, so that pods of one class come again and again. */
  templates: fc.array(podDraft, { minLength: 1, maxLength: 4 }),
  nodes: fc.array(nodeDraft, { maxLength: 7 }),
  steps: fc.array(step, { maxLength: 30 }),
});
type Draft<A> = A extends fc.Arbitrary<infer D> ? D : never;
type Scenario = Draft<typeof scenario>;

const defined = (labels: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );

const nodeOf = (draft: Draft<typeof nodeDraft>, i: number): Node =>
  aNode({
    ...{ name: `node-${i}`, cpu: draft.cpu, pods: draft.pods, unschedulable: draft.unschedulable },
    labels: defined({ zone: draft.zone, rack: draft.rack }),
    taints: draft.taint === undefined ? [] : [{ key: 'dedicated', effect: draft.taint }],
  });

function podOf(draft: Draft<typeof podDraft>): Pod {
  const { initCpu, isSidecar, zone, tolerates, prefersRack } = draft;
  const init = {
    name: 'init',
    ...(isSidecar ? { restartPolicy: 'Always' } : {}),
    resources: { requests: { cpu: initCpu ?? '0' } },
  };
  const matchExpressions = [{ key: 'rack', operator: 'In', values: [prefersRack ?? ''] }];
  return aPod({
    ...{ cpu: draft.cpu, owner: draft.owner, namespace: draft.namespace },
    labels: defined({ app: draft.app, tier: draft.tier }),
    hostPorts: draft.hostPort === undefined ? [] : [draft.hostPort],
    spec: {
      ...(initCpu === undefined ? {} : { initContainers: [init] }),
      nodeSelector: zone === undefined ? {} : { zone },
      volumes: draft.disks.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
      tolerations: tolerates ? [{ key: 'dedicated', operator: 'Exists' }] : [],
      topologySpreadConstraints: draft.spread,
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: draft.affinity,
          preferredDuringSchedulingIgnoredDuringExecution: draft.prefers,
        },
        podAntiAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: draft.antiAffinity,
          preferredDuringSchedulingIgnoredDuringExecution: draft.prefersAnti,
        },
        ...(prefersRack === undefined
          ? {}
          : {
              nodeAffinity: {
                preferredDuringSchedulingIgnoredDuringExecution: [
                  { weight: 5, preference: { matchExpressions } },
                ],
              },
            }),
      },
    },
  });
}

function volumeNeedsOf({ metadata, spec }: Pod): VolumeNeeds {
  const attached = (spec.volumes ?? []).map(({ name }) => ({
    driver: driverOf(name),
    claim: `${metadata.namespace}/${name}`,
  }));
  return attached.length === 0 ? noVolumeNeeds : { ...noVolumeNeeds, attached };
}

/** The same state twice: as the scheduler holds it, and as the reference reads it. */
class Both {
  readonly faults: string[] = [];
  readonly #cluster = new Cluster((name) => Reflect.get(namespaceLabels, name));
  readonly #classes = new PodClasses();
  readonly #index: PlacementIndex;
  readonly #plugins: PluginSet;
  readonly #nodes = new Map<string, Node>();
  readonly #limits = new Map<string, Readonly<Record<string, number>>>();
  #placed: PlacedReference[] = [];

  constructor(plugins: PluginSet) {
    this.#plugins = plugins;
    this.#index = new PlacementIndex(this.#cluster, plugins);
  }

  setNode(node: Node, diskLimit?: number): void {
    const { name } = node.metadata;
    this.#nodes.set(name, node);
    const limits = diskLimit === undefined ? undefined : { 'disk.example': diskLimit };
    this.#limits.set(name, limits ?? {});
    this.#cluster.setNodeFacts(withVolumeLimits(toNodeFacts(node), limits));
  }

  removeNode(name: string): void {
    this.#nodes.delete(name);
    this.#cluster.removeNode(name);
  }

  remove(at: number): void {
    const [removed] = this.#placed.splice(at, 1);
    if (removed !== undefined) this.#cluster.removePod(removed.pod.metadata.uid);
  }

  end(at: number): void {
    const ending = this.#placed[at];
    if (ending === undefined) return;
    this.#placed[at] = { ...ending, isEnding: true };
    const known = this.#cluster.pod(ending.pod.metadata.uid);
    if (known !== undefined) this.#cluster.setPod({ ...known, isLive: false });
  }

  place(pod: Pod): void {
    const world: World = {
      ...{ nodes: [...this.#nodes.values()], placed: this.#placed, namespaceLabels },
      ...{ drivers, volumeLimits: this.#limits },
    };
    const context = { cluster: this.#cluster, plugins: this.#plugins, index: this.#index };
    const podClass = this.#classes.of(pod, volumeNeedsOf(pod));
    const verdicts = new Map(explain(context, podClass).map((verdict) => [verdict.node, verdict]));
    const values = this.#index.placementOf(podClass);
    let best = Number.NEGATIVE_INFINITY;
    for (const node of world.nodes) {
      const { name } = node.metadata;
      const broken = brokenRules(world, pod, node);
      const points = broken.length === 0 ? pointsOf(world, pod, node) : Number.NEGATIVE_INFINITY;
      best = Math.max(best, points);
      const slot = this.#cluster.node(name)?.slot ?? -1;
      this.#expectEqual(`${name} ${broken}`, values.valueAt(slot), points);
      const verdict = verdicts.get(name);
      this.#expectEqual(
        `verdict of ${name}`,
        verdict?.fits === true ? verdict.total : Number.NEGATIVE_INFINITY,
        points,
      );
      if (verdict?.fits === true)
        this.#expectEqual(
          'sum of points',
          Object.values(verdict.points).reduce((a, b) => a + b, 0),
          points,
        );
    }
    const chosen = schedule(context, podClass, leastLoaded);
    this.#expectEqual(
      'best',
      chosen === undefined ? Number.NEGATIVE_INFINITY : values.valueAt(chosen.slot),
      best,
    );
    if (chosen === undefined) return;
    const { uid, name } = pod.metadata;
    this.#cluster.setPod({ uid, name, podClass, nodeName: chosen.name, isLive: true, isAssumed: true });
    this.#placed.push({ pod, nodeName: chosen.name, isEnding: false });
  }

  #expectEqual(what: string, found: number, expected: number): void {
    if (found === expected || Math.abs(found - expected) < 1e-6) return;
    this.faults.push(`${what}: ${found} instead of ${expected}`);
  }
}

function faultsOf({ nodes, templates, steps }: Scenario, plugins: PluginSet = defaultPlugins): string[] {
  const both = new Both(plugins);
  for (const [i, draft] of nodes.entries()) both.setNode(nodeOf(draft, i), draft.diskLimit);
  for (const each of steps) {
    const template = each.kind === 'place' ? templates[each.template % templates.length] : undefined;
    if (template !== undefined) both.place(podOf(template));
    else if (each.kind === 'place') continue;
    else if (each.kind === 'remove') both.remove(each.at);
    else if (each.kind === 'end') both.end(each.at);
    else if (each.kind === 'setNode') both.setNode(nodeOf(each.node, each.at), each.node.diskLimit);
    else both.removeNode(`node-${each.at}`);
  }
  return both.faults;
}

const findsFault = (plugins?: PluginSet): boolean =>
  fc.check(
    fc.property(scenario, (each) => faultsOf(each, plugins).length === 0),
    { numRuns: 1_500, endOnFailure: true },
  ).failed;

const runs = 1_000;

describe('placements', () => {
  it('are those of the reference, in feasibility and points', { timeout: 120_000 }, () => {
    fc.assert(
      fc.property(scenario, (each) => {
        expect(faultsOf(each)).toEqual([]);
      }),
      { numRuns: runs },
    );
  });

  it.each(
    [...defaultPlugins.nodeFilters, ...defaultPlugins.domainPlugins]
      .map(({ name }) => name)
      .filter((name) => name !== 'NodeName' && !name.startsWith('Volume')),
  )('are seen to be wrong without %s', (missing) => {
    const without = <T extends { name: string }>(plugins: readonly T[]): T[] =>
      plugins.filter(({ name }) => name !== missing);
    expect(
      findsFault({
        ...defaultPlugins,
        nodeFilters: without(defaultPlugins.nodeFilters),
        domainPlugins: without(defaultPlugins.domainPlugins),
      }),
    ).toBe(true);
  });

  it('are seen to be wrong when a weight is', () => {
    const nodeScores = defaultPlugins.nodeScores.map((plugin) => ({ ...plugin, weight: 1 }));
    expect(findsFault({ ...defaultPlugins, nodeScores })).toBe(true);
  });

  it('are seen to be wrong when a counter forgets pods that leave', () => {
    const add = DomainCounter.prototype.add;
    const spy = vi.spyOn(DomainCounter.prototype, 'add').mockImplementation(function (
      this: DomainCounter,
      slot,
      by,
    ) {
      if (by > 0) add.call(this, slot, by);
    });
    try {
      expect(findsFault()).toBe(true);
    } finally {
      spy.mockRestore();
    }
  });
});
