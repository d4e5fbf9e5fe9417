import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { fromLabelSelector } from '../../api/selector.ts';
import { aNode, aPod, type PodDraft } from '../../test/support/scheduling-objects.ts';
import { Cluster } from '../cache/cluster.ts';
import { PlacementIndex } from '../cache/placement-index.ts';
import { DiagnosisMemo } from '../diagnosis-memo.ts';
import { summary } from '../diagnosis-message.ts';
import { PodClasses } from '../framework/pod-class.ts';
import { defaultPlugins } from '../plugin-registry.ts';
import { schedule } from '../schedule.ts';
import { leastLoaded } from '../strategies/least-loaded.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import { PreemptionIndex, type PreemptionPlan } from './preemption-index.ts';

class Bench {
  readonly cluster = new Cluster();
  readonly #classes = new PodClasses();
  readonly #context = {
    cluster: this.cluster,
    plugins: defaultPlugins,
    index: new PlacementIndex(this.cluster, defaultPlugins),
  };
  readonly #memo = new DiagnosisMemo(this.#context);
  readonly #preemption = new PreemptionIndex(this.#context);

  constructor(...nodes: string[]) {
    for (const name of nodes) this.cluster.setNode(aNode({ name, cpu: '2', labels: { zone: name } }));
  }

  put(
    nodeName: string,
    name: string,
    draft: Draft,
    options: { startMs?: number; isLive?: boolean } = {},
  ): void {
    const pod = this.#podOf({ name, ...draft });
    const { uid, namespace } = pod.metadata;
    const isLive = options.isLive ?? true;
    const podClass = this.#classes.of(pod);
    const placed = { uid, name: `${namespace}/${name}`, podClass, nodeName, isLive, isAssumed: false };
    this.cluster.setPod({ ...placed, startMs: options.startMs ?? 0 });
  }

  budget(budget: Partial<DisruptionBudget>, app: string): void {
    const selector = fromLabelSelector({ matchLabels: { app } });
    this.#preemption.setBudgets([
      { namespace: 'default', selector, allowed: 0, disrupted: new Set(), ...budget },
    ]);
  }

  plan(draft: Draft): PreemptionPlan {
    const podClass = this.#classes.of(this.#podOf(draft));
    return this.#preemption.plan(podClass, this.#memo.diagnosisOf(podClass));
  }

  /** `node: victim, victim`, or what the message says. */
  outcome(draft: Draft): string {
    const plan = this.plan(draft);
    if (plan.node === undefined) return summary(this.cluster.nodeCount, plan.reasons);
    return `${plan.node}: ${plan.victims.map(({ name }) => name.slice('default/'.length)).join(', ')}`;
  }

  nominate(uid: string, draft: Draft, node: string): void {
    this.cluster.nominate({ uid, podClass: this.#classes.of(this.#podOf(draft)) }, node);
  }

  placeOf(draft: Draft): string | undefined {
    return schedule(this.#context, this.#classes.of(this.#podOf(draft)), leastLoaded)?.name;
  }

  #podOf({ priority = 0, spec, ...draft }: Draft): Pod {
    return aPod({ cpu: '1', ...draft, spec: { priority, ...spec } });
  }
}

type Draft = PodDraft & { readonly priority?: number };
const important: Draft = { priority: 100 };

describe('preemption', () => {
  it('evicts no more than it must, and the least important', () => {
    const bench = new Bench('a');
    bench.put('a', 'low', { cpu: '1', priority: 1 });
    bench.put('a', 'middle', { cpu: '500m', priority: 5 });
    bench.put('a', 'lowest', { cpu: '500m', priority: 0 });
    expect(bench.outcome({ ...important, cpu: '500m' })).toBe('a: lowest');
    expect(bench.outcome(important)).toBe('a: low');
    expect(bench.outcome({ ...important, cpu: '2' })).toBe('a: middle, low, lowest');
  });

  it('takes the node where the most important victim matters least', () => {
    const bench = new Bench('a', 'b');
    bench.put('a', 'one', { cpu: '2', priority: 10 });
    bench.put('b', 'two', { cpu: '1', priority: 9 });
    bench.put('b', 'three', { cpu: '1', priority: 9 });
    expect(bench.outcome({ ...important, cpu: '2' })).toBe('b: two, three');
  });

  it('then the smallest sum, the fewest victims, and those that began last', () => {
    const bench = new Bench('a', 'b', 'c');
    bench.put('a', 'one', { cpu: '1', priority: 5 });
    bench.put('a', 'two', { cpu: '1', priority: 5 });
    bench.put('b', 'old', { cpu: '2', priority: 5 }, { startMs: 1 });
    bench.put('c', 'young', { cpu: '2', priority: 5 }, { startMs: 2 });
    expect(bench.outcome({ ...important, cpu: '2' })).toBe('c: young');
  });

  it('breaks a disruption budget only where nothing else helps', () => {
    const bench = new Bench('a', 'b');
    bench.put('a', 'guarded', { cpu: '2', priority: 1, labels: { app: 'db' } });
    bench.put('b', 'free', { cpu: '2', priority: 50 });
    bench.budget({}, 'db');
    expect(bench.outcome(important)).toBe('b: free');
    bench.budget({ allowed: 1 }, 'db');
    expect(bench.outcome(important)).toBe('a: guarded');
    bench.budget({ disrupted: new Set(['guarded']) }, 'db');
    expect(bench.outcome(important)).toBe('a: guarded');
    bench.budget({}, 'db');
    bench.put('b', 'free', { cpu: '2', priority: 100 });
    bench.cluster.removeNode('b');
    expect(bench.outcome(important)).toBe('a: guarded');
  });

  it('says where it cannot help', () => {
    const bench = new Bench('a', 'b', 'c');
    bench.put('a', 'equal', { cpu: '2', priority: 100 });
    bench.put('b', 'equal', { cpu: '1500m', priority: 100 });
    bench.put('b', 'small', { cpu: '250m', priority: 1 });
    bench.cluster.setNode(aNode({ name: 'c', unschedulable: true }));
    expect(bench.outcome(important)).toBe(
      '0/3 nodes are available: 1 Insufficient cpu, 1 No preemption victims found for incoming pod, 1 Preemption is not helpful for scheduling.',
    );
  });

  it('waits for pods that are ending already before it evicts others', () => {
    const bench = new Bench('a', 'b');
    bench.put('a', 'ending', { cpu: '2', priority: 50 }, { isLive: false });
    bench.put('b', 'living', { cpu: '2', priority: 1 });
    expect(bench.outcome(important)).toBe('a: ');
  });

  it('keeps the room of a nominated pod from pods of no higher priority', () => {
    const bench = new Bench('a');
    bench.nominate('waiting', { ...important, cpu: '2' }, 'a');
    expect(bench.placeOf({ priority: 100 })).toBeUndefined();
    expect(bench.placeOf({ priority: 101 })).toBe('a');
    bench.cluster.withdrawNomination('waiting');
    expect(bench.placeOf({ priority: 0 })).toBe('a');
  });

  it('lets nobody rely on a nominated pod, and keeps away whom it will not have beside it', () => {
    const onZone = (app: string) => [{ topologyKey: 'zone', labelSelector: { matchLabels: { app } } }];
    const required = (app: string) => ({ requiredDuringSchedulingIgnoredDuringExecution: onZone(app) });
    const bench = new Bench('a', 'b');
    bench.nominate('web', { ...important, cpu: '100m', labels: { app: 'web' } }, 'a');
    bench.nominate(
      'lonely',
      { ...important, cpu: '100m', spec: { affinity: { podAntiAffinity: required('noisy') } } },
      'a',
    );
    const small: Draft = { cpu: '100m' };
    expect(bench.placeOf({ ...small, spec: { affinity: { podAffinity: required('web') } } })).toBeUndefined();
    const apart: Draft = { ...small, spec: { affinity: { podAntiAffinity: required('web') } } };
    expect(bench.placeOf(apart)).toBe('b');
    expect(bench.placeOf({ ...small, labels: { app: 'noisy' } })).toBe('b');
    const evenly = { topologyKey: 'zone', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' };
    const selector = { labelSelector: { matchLabels: { app: 'web' } } };
    const spread: Draft = {
      ...small,
      labels: { app: 'web' },
      spec: { topologySpreadConstraints: [{ ...evenly, ...selector }] },
    };
    expect(bench.placeOf(spread)).toBe('b');
    bench.cluster.removeNode('b');
    expect([apart, spread].map((draft) => bench.placeOf(draft))).toEqual([undefined, 'a']);
    // Those of a higher priority need not care.
    expect(bench.placeOf({ ...apart, priority: 101 })).toBe('a');
    bench.cluster.withdrawNomination('web');
    bench.cluster.withdrawNomination('lonely');
    expect(bench.placeOf({ ...small, labels: { app: 'noisy' } })).toBe('a');
  });

  it('evicts the pod whose anti-affinity is in the way, and not its neighbours', () => {
    const bench = new Bench('a');
    const podAntiAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'zone', labelSelector: { matchLabels: { app: 'web' } } },
      ],
    };
    bench.put('a', 'jealous', { cpu: '100m', spec: { affinity: { podAntiAffinity } } });
    bench.put('a', 'neighbour', { cpu: '100m' });
    const web: Draft = { ...important, cpu: '100m', labels: { app: 'web' } };
    expect(bench.outcome(web)).toBe('a: jealous');
    expect([...bench.cluster.podsOn('a')]).toHaveLength(2);
  });

  it('does the least harm also where constraints between pods decide who is in the way', () => {
    const bench = new Bench('a', 'b', 'c');
    const labels = { app: 'db' };
    bench.put('a', 'guarded', { cpu: '100m', labels: { app: 'db', is: 'guarded' } });
    bench.put('b', 'precious', { cpu: '100m', labels, priority: 50 });
    bench.put('c', 'cheap', { cpu: '100m', labels, priority: 1 });
    bench.put('c', 'neighbour', { cpu: '100m' });
    bench.budget({ selector: fromLabelSelector({ matchLabels: { is: 'guarded' } }) }, 'db');
    const podAntiAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: [
        { topologyKey: 'zone', labelSelector: { matchLabels: labels } },
      ],
    };
    expect(bench.outcome({ ...important, cpu: '100m', spec: { affinity: { podAntiAffinity } } })).toBe(
      'c: cheap',
    );
  });
});
