import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/generated/core-v1.ts';
import { aNode, t0Ms } from '../../test/support/workload-objects.ts';
import { nodeDeadTaint } from '../node-state.ts';
import { Freshness } from './freshness.ts';
import { isGivenUp, type NodeView, planConditions, planTaints } from './plan-node.ts';

function view(node: Node, over: Partial<NodeView> = {}): NodeView {
  return { node, silentMs: 0, massSilence: false, nowMs: t0Ms, ...over };
}

const keys = (node: Node, over: Partial<NodeView> = {}): string[] | undefined =>
  planTaints(view(node, over))?.map(({ key, effect }) => `${key.split('/')[1]}:${effect}`);

describe('planConditions', () => {
  it('leaves a node alone whose agent speaks within 40 s', () => {
    expect(planConditions(view(aNode('a'), { silentMs: 39_000 }))).toBeUndefined();
  });

  it('makes the conditions of a silent agent Unknown', () => {
    const conditions = planConditions(view(aNode('a'), { silentMs: 40_000 }));
    expect(conditions?.[0]).toMatchObject({
      type: 'Ready',
      status: 'Unknown',
      reason: 'NodeStatusUnknown',
      message: 'Kubelet stopped posting node status.',
    });
  });
});

describe('planTaints', () => {
  it('has none for a ready node', () => {
    expect(keys(aNode('a'))).toBeUndefined();
    const taints = [{ key: 'node.kubernetes.io/unreachable', effect: 'NoExecute' }];
    expect(keys(aNode('a', { taints }))).toEqual([]);
  });

  it('keeps pods off a node that is not ready, unknown or cordoned', () => {
    expect(keys(aNode('a', { ready: 'False' }))).toEqual(['not-ready:NoSchedule', 'not-ready:NoExecute']);
    expect(keys(aNode('a', { ready: 'Unknown' }))).toEqual(['unreachable:NoSchedule']);
    expect(keys(aNode('a', { unschedulable: true }))).toEqual(['unschedulable:NoSchedule']);
  });

  it('evicts nothing from a node whose agent is down for less than 60 s', () => {
    const node = aNode('a', { ready: 'Unknown' });
    expect(keys(node, { silentMs: 59_000 })).not.toContain('unreachable:NoExecute');
    expect(keys(node, { silentMs: 60_000 })).toContain('unreachable:NoExecute');
  });

  it('evicts nothing when too many nodes are unwell together', () => {
    const over = { silentMs: 90_000, massSilence: true };
    expect(keys(aNode('a', { ready: 'Unknown' }), over)).toEqual(['unreachable:NoSchedule']);
    expect(keys(aNode('a', { ready: 'False' }), over)).toEqual(['not-ready:NoSchedule']);
  });

  it('leaves the taints of others alone', () => {
    const taints = [{ key: 'example.com/gpu', effect: 'NoSchedule' }];
    expect(keys(aNode('a', { taints }))).toBeUndefined();
    expect(keys(aNode('a', { taints, unschedulable: true }))).toEqual([
      'gpu:NoSchedule',
      'unschedulable:NoSchedule',
    ]);
  });
});

describe('isGivenUp', () => {
  it('is for dead nodes, whatever else', () => {
    const dead = aNode('a', { taints: [{ key: nodeDeadTaint, effect: 'NoExecute' }] });
    expect(isGivenUp(view(dead, { massSilence: true }))).toBe(true);
    expect(isGivenUp(view(aNode('a')))).toBe(false);
  });
});

describe('Freshness', () => {
  it('takes a change for a sign of life, and a repetition for none', () => {
    const freshness = new Freshness();
    freshness.observe('a', 'lease', 't1', 0);
    freshness.observe('a', 'lease', 't1', 30_000);
    expect(freshness.silentMs('a', 40_000)).toBe(40_000);
    freshness.observe('a', 'status', 's1', 41_000);
    expect(freshness.silentMs('a', 42_000)).toBe(1_000);
    expect(freshness.silentMs('unknown', 42_000)).toBe(0);
  });
});
