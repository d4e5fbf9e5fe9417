/**
 * Random clusters and pods: after every change the fast path says of every node what the naive reference says, in
 * feasibility and in points, and chooses a node of which there is no better one.
 */
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import type { Node, Pod } from '../api/generated/core-v1.ts';
import {
  brokenRules,
  type PlacedReference,
  pointsOf,
  type ReferenceProfile,
  type World,
} from '../test/support/scheduling-reference.ts';
import {
  drivers,
  type NodeCase,
  namespaceLabels,
  type Scenario,
  scenario,
  volumeLabels,
  volumeNeedsOf,
} from '../test/support/scheduling-scenarios.ts';
import { Cluster } from './cache/cluster.ts';
import { Counters } from './cache/counters.ts';
import { DomainCounter } from './cache/domain-counter.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { toNodeFacts, withVolumeLimits } from './framework/node-info.ts';
import type { PluginSet } from './framework/plugin.ts';
import { type PodClass, PodClasses } from './framework/pod-class.ts';
import { defaultPlugins, pluginsFor } from './plugin-registry.ts';
import { cpuAndMemory } from './plugins/node-resources/resource-scores.ts';
import { explain, schedule } from './schedule.ts';
import { leastLoaded } from './strategies/least-loaded.ts';

/** The same state twice: as the scheduler holds it, and as the reference reads it. */
class Both {
  readonly faults: string[] = [];
  readonly #cluster = new Cluster((name) => Reflect.get(namespaceLabels, name));
  readonly #classes = new PodClasses();
  readonly #index: PlacementIndex;
  readonly #plugins: PluginSet;
  readonly #nodes = new Map<string, Node>();
  readonly #limits = new Map<string, Readonly<Record<string, number>>>();
  readonly #attached = new Map<string, readonly string[]>();
  readonly #profile: ReferenceProfile;
  #placed: PlacedReference[] = [];
  #nominated: PlacedReference[] = [];

  constructor(plugins: PluginSet, profile: ReferenceProfile) {
    this.#plugins = plugins;
    this.#profile = profile;
    this.#index = new PlacementIndex(this.#cluster, plugins);
  }

  setNode({ node, diskLimit, attached }: NodeCase): void {
    const { name } = node.metadata;
    this.#nodes.set(name, node);
    const driver = 'disk.example';
    const counts = diskLimit === undefined ? undefined : { [driver]: diskLimit };
    const claims = attached === undefined ? [] : [attached];
    this.#limits.set(name, counts ?? {});
    this.#attached.set(name, claims);
    const limits = counts && { counts, attached: claims.map((claim) => ({ driver, claim })) };
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

  nominate(pod: Pod, nodeName: string): void {
    if (!this.#nodes.has(nodeName)) return;
    this.#cluster.nominate({ uid: pod.metadata.uid, podClass: this.#classOf(pod) }, nodeName);
    this.#nominated.push({ pod, nodeName, isEnding: false });
  }

  withdraw(at: number): void {
    const [withdrawn] = this.#nominated.splice(at, 1);
    if (withdrawn !== undefined) this.#cluster.withdrawNomination(withdrawn.pod.metadata.uid);
  }

  #classOf(pod: Pod): PodClass {
    return this.#classes.of(pod, volumeNeedsOf(pod));
  }

  place(pod: Pod): void {
    const world: World = {
      ...{ nodes: [...this.#nodes.values()], placed: this.#placed, namespaceLabels },
      ...{ drivers, volumeLimits: this.#limits, attached: this.#attached, volumeLabels },
      ...{ nominated: this.#nominated, profile: this.#profile },
    };
    const context = { cluster: this.#cluster, plugins: this.#plugins, index: this.#index };
    const podClass = this.#classOf(pod);
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

const pluginsOf = ({ strategy, shape = [], resources, ...profile }: ReferenceProfile): PluginSet => {
  const fitted = resources ?? cpuAndMemory;
  const { addedTerms, addedPreferences = [] } = profile;
  return pluginsFor({
    disabled: { filter: new Set(), score: new Set() },
    weights: new Map(),
    ...(strategy === undefined ? {} : { fit: { type: strategy, resources: fitted, shape } }),
    ...(addedTerms === undefined && addedPreferences.length === 0
      ? {}
      : { addedAffinity: { required: addedTerms, preferred: addedPreferences } }),
    ...(profile.ignored === undefined
      ? {}
      : { ignored: { names: new Set(profile.ignored), groups: new Set<string>() } }),
  });
};

function faultsOf({ nodes, templates, steps, profile: asked }: Scenario, plant?: Plant): string[] {
  const plugins = pluginsOf(asked);
  const both = new Both(plant?.(plugins) ?? plugins, asked);
  for (const node of nodes) both.setNode(node);
  for (const [at, each] of steps.entries()) {
    const template = 'template' in each ? templates[each.template % templates.length] : undefined;
    const pod = template && { ...template, metadata: { ...template.metadata, uid: `pod-${at}` } };
    if (each.kind === 'place' && pod !== undefined) both.place(pod);
    else if (each.kind === 'nominate' && pod !== undefined) both.nominate(pod, each.node);
    else if (each.kind === 'remove') both.remove(each.at);
    else if (each.kind === 'withdraw') both.withdraw(each.at);
    else if (each.kind === 'end') both.end(each.at);
    else if (each.kind === 'setNode') both.setNode(each);
    else if (each.kind === 'removeNode') both.removeNode(each.name);
  }
  return both.faults;
}

/** The rarest planted error shows in one of some hundred runs. */
const enoughToFind = 10_000;

/** What is wrong with the plugins. */
type Plant = (plugins: PluginSet) => PluginSet;

const findsFault = (plant?: Plant): boolean =>
  fc.check(
    fc.property(scenario, (each) => faultsOf(each, plant).length === 0),
    { numRuns: enoughToFind, endOnFailure: true },
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
      .filter((name) => !['NodeName', 'VolumeBinding', 'VolumeRestrictions'].includes(name)),
  )('are seen to be wrong without %s', (missing) => {
    const without = <T extends { name: string }>(plugins: readonly T[]): T[] =>
      plugins.filter(({ name }) => name !== missing);
    const plant: Plant = (plugins) => ({
      ...plugins,
      nodeFilters: without(plugins.nodeFilters),
      domainPlugins: without(plugins.domainPlugins),
    });
    expect(findsFault(plant)).toBe(true);
  });

  it('are seen to be wrong when a weight is', () => {
    const plant: Plant = (plugins) => ({
      ...plugins,
      nodeScores: plugins.nodeScores.map((plugin) => ({ ...plugin, weight: 1 })),
    });
    expect(findsFault(plant)).toBe(true);
  });

  it.each<[string, (seen: Scenario) => boolean]>([
    ['the scoring strategy', ({ profile: { strategy } }) => strategy !== undefined],
    ['the added terms', ({ profile: { addedTerms } }) => addedTerms !== undefined],
    ['the added preferences', ({ profile: { addedPreferences } }) => addedPreferences !== undefined],
    ['the ignored resources', ({ profile: { ignored } }) => ignored !== undefined],
  ])('are seen to be wrong without %s of a profile', (_, isAsked) => {
    const outcome = fc.check(
      fc.property(scenario.filter(isAsked), (each) => faultsOf(each, () => defaultPlugins).length === 0),
      { numRuns: enoughToFind, endOnFailure: true },
    );
    expect(outcome.failed).toBe(true);
  });

  it.each<[string, () => { mockRestore(): void }]>([
    [
      'a counter forgets pods that leave',
      () => {
        const add = DomainCounter.prototype.add;
        return vi.spyOn(DomainCounter.prototype, 'add').mockImplementation(function (
          this: DomainCounter,
          slot,
          by,
        ) {
          if (by > 0) add.call(this, slot, by);
        });
      },
    ],
    [
      'nominated pods do not count in domains',
      () => vi.spyOn(DomainCounter.prototype, 'imagine').mockReturnValue(),
    ],
    [
      'volumes that are attached do not count unless a pod uses them',
      () => {
        const { setNodeFacts } = Cluster.prototype;
        return vi.spyOn(Cluster.prototype, 'setNodeFacts').mockImplementation(function (
          this: Cluster,
          facts,
        ) {
          const { volumeLimits: limits } = facts;
          return setNodeFacts.call(this, { ...facts, volumeLimits: limits && { ...limits, attached: [] } });
        });
      },
    ],
    ['what nominated pods forbid is unknown', () => vi.spyOn(Counters.prototype, 'expect').mockReturnValue()],
  ])('are seen to be wrong when %s', (_, plant) => {
    const planted = plant();
    try {
      expect(findsFault()).toBe(true);
    } finally {
      planted.mockRestore();
    }
  });
});
