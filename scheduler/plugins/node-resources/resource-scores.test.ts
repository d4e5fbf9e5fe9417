import { describe, expect, it } from 'vitest';
import { aNode, aPod, type NodeDraft, type PodDraft } from '../../../test/support/scheduling-objects.ts';
import { NodeRecord, NodeUsage, toNodeFacts } from '../../framework/node-info.ts';
import { toPodClass } from '../../framework/pod-class.ts';
import { balancedAllocation, resourceFitScore, type ScoringStrategy } from './resource-scores.ts';

const gpu = 'example.com/gpu';
const [cpuAndGpu, shape] = [
  ['cpu', gpu].map((name) => ({ name, weight: 1 })),
  [
    { utilization: 50, score: 0 },
    { utilization: 100, score: 10 },
  ],
];
const nodeOf = (draft: NodeDraft): NodeRecord =>
  new NodeRecord(0, toNodeFacts(aNode(draft)), new NodeUsage());
const fitPoints = (strategy: ScoringStrategy, pod: PodDraft, node: NodeDraft): number =>
  resourceFitScore(strategy).score(toPodClass(aPod(pod)), nodeOf(node));
const balance = (pod: PodDraft, node: NodeDraft): number =>
  balancedAllocation().score(toPodClass(aPod(pod)), nodeOf(node));

describe('points for what is allocated', () => {
  const least = { type: 'LeastAllocated', resources: cpuAndGpu } as const;
  const ratio = { type: 'RequestedToCapacityRatio', resources: cpuAndGpu, shape } as const;
  const some = { [gpu]: '4' };

  it.each<[string, ScoringStrategy, PodDraft, NodeDraft, number]>([
    ['both count', least, { cpu: '1', extra: { [gpu]: '2' } }, { cpu: '4', extra: some }, (75 + 50) / 2],
    [
      'an extended resource that the pod does not ask for says nothing',
      least,
      { cpu: '1' },
      { extra: some },
      75,
    ],
    ['nor does one that the node has none of', least, { cpu: '1' }, {}, 75],
    ['a node without any of them gets nothing', least, { cpu: '1' }, { cpu: '0' }, 0],
    [
      'what a shape gives nothing for has no weight',
      ratio,
      { cpu: '1', extra: { [gpu]: '3' } },
      { cpu: '4', extra: some },
      50,
    ],
    [
      'a request of nothing is no unknown one',
      least,
      { cpu: '0', extra: { [gpu]: '4' } },
      { extra: some },
      50,
    ],
    ['more than there is counts as all of it', ratio, { cpu: '9' }, { cpu: '4' }, 100],
  ])('%s', (_, strategy, pod, node, points) => {
    expect(fitPoints(strategy, pod, node)).toBeCloseTo(points, 4);
  });
});

describe('points for balance', () => {
  it('are the less, the further the shares lie apart', () => {
    expect(balance({ cpu: '1', memory: '2Gi' }, { cpu: '4', memory: '8Gi' })).toBe(100);
    expect(balance({ cpu: '3', memory: '2Gi' }, { cpu: '4', memory: '8Gi' })).toBe(75);
    expect(balance({ cpu: '9', memory: '4Gi' }, { cpu: '4', memory: '8Gi' })).toBe(75);
  });

  it('hang on what is requested, not on what is assumed where nothing is', () => {
    expect(balance({ cpu: '1' }, { cpu: '2', memory: '400Mi' })).toBe(75);
  });

  it('are all of them where the node has one of the resources only', () => {
    expect(balance({ cpu: '3' }, { cpu: '4', memory: '0' })).toBe(100);
  });

  it('are not asked for a pod that requests none of the resources', () => {
    const { concerns } = balancedAllocation();
    expect(concerns(toPodClass(aPod({})))).toBe(false);
    expect(concerns(toPodClass(aPod({ extra: { [gpu]: '1' } })))).toBe(false);
    expect(concerns(toPodClass(aPod({ memory: '1Mi' })))).toBe(true);
  });
});
