import { describe, expect, it } from 'vitest';
import type { PodSpec } from '../../../api/generated/core-v1.ts';
import { aNode, aPod } from '../../../test/support/scheduling-objects.ts';
import { Cluster } from '../../cache/cluster.ts';
import { PlacementIndex } from '../../cache/placement-index.ts';
import { toPodClass } from '../../framework/pod-class.ts';
import { defaultPlugins } from '../../plugin-registry.ts';
import { explain } from '../../schedule.ts';

type Constraint = NonNullable<PodSpec['topologySpreadConstraints']>[number];

/** Nodes that take a pod with labels `app: a`; `crowded` has two such pods, `keyless` is in no rack. */
function takers(constraint: Partial<Constraint>): string[] {
  const cluster = new Cluster();
  const inRack = (name: string) => aNode({ name, labels: { rack: name } });
  for (const node of [inRack('crowded'), inRack('empty'), aNode({ name: 'keyless' })]) cluster.setNode(node);
  const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
  const labels = { app: 'a' };
  for (const uid of ['one', 'two']) {
    const podClass = toPodClass(aPod({ labels }));
    cluster.setPod({ uid, name: uid, podClass, nodeName: 'crowded', isLive: true, isAssumed: false });
  }
  const base: Constraint = { topologyKey: 'rack', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' };
  const topologySpreadConstraints = [{ ...base, ...constraint }];
  const verdicts = explain(context, toPodClass(aPod({ labels, spec: { topologySpreadConstraints } })));
  return verdicts.flatMap(({ fits, node }) => (fits ? [node] : [])).sort();
}

describe('whom a spreading constraint counts', () => {
  it.each<[string, Partial<Constraint>, string[]]>([
    ['those that its selector selects', { labelSelector: { matchLabels: { app: 'a' } } }, ['empty']],
    ['nobody without a selector', {}, ['crowded', 'empty']],
    ['nobody with one that asks for nothing', { labelSelector: {} }, ['crowded', 'empty']],
    [
      'those alike in a label when only keys are named',
      { labelSelector: {}, matchLabelKeys: ['app'] },
      ['empty'],
    ],
    [
      'nobody when the pod has none of those',
      { labelSelector: {}, matchLabelKeys: ['b'] },
      ['crowded', 'empty'],
    ],
  ])('%s', (_, constraint, expected) => {
    expect(takers(constraint)).toEqual(expected);
  });
});

describe('a node that lacks one of the keys of preferred constraints', () => {
  it('is no better than the most crowded one that has them', () => {
    const cluster = new Cluster();
    const nodes = {
      crowded: { zone: 'a', rack: '1' },
      empty: { zone: 'b', rack: '2' },
      keyless: { zone: 'c' },
    };
    for (const [name, labels] of Object.entries(nodes)) cluster.setNode(aNode({ name, labels }));
    const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
    const labels = { app: 'a' };
    for (const uid of ['one', 'two', 'three']) {
      const podClass = toPodClass(aPod({ labels }));
      cluster.setPod({ uid, name: uid, podClass, nodeName: 'crowded', isLive: true, isAssumed: false });
    }
    const topologySpreadConstraints = ['zone', 'rack'].map((topologyKey) => ({
      ...{ topologyKey, maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' },
      labelSelector: { matchLabels: labels },
    }));
    const verdicts = explain(context, toPodClass(aPod({ labels, spec: { topologySpreadConstraints } })));
    const points = new Map(
      verdicts.map((each) => [each.node, each.fits ? each.points['PodTopologySpread'] : undefined]),
    );
    expect(points.get('empty')).toBe(200);
    expect(points.get('crowded')).toBeCloseTo(50, 6);
    expect(points.get('keyless')).toBe(0);
  });
});
