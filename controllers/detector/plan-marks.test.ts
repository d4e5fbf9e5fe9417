import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/generated/core-v1.ts';
import { aNode, t0Ms } from '../../test/support/workload-objects.ts';
import {
  nodeCondition,
  nodeDeadTaint,
  nodeHealth,
  silentCondition,
  unreachableTaint,
} from '../node-state.ts';
import type { Verdict } from './judge.ts';
import { guardAnnotation, type Mark, planMarks } from './plan-marks.ts';

const annotations = { [guardAnnotation]: 'beating' };
const silent = { type: silentCondition, status: 'True' };

function plan(
  node: Node,
  verdict: Verdict,
  readyBefore = nodeCondition(aNode('x'), 'Ready'),
): readonly Mark[] {
  return planMarks({ node, verdict, readyBefore, nowMs: t0Ms });
}

/** What the Node is after the marks, as the server would merge them. */
function marked(node: Node, marks: readonly Mark[]): Node {
  const next = structuredClone(node);
  for (const mark of marks) {
    if (mark.kind === 'taints') next.spec.taints = [...mark.taints];
    if (mark.kind === 'annotate')
      next.metadata.annotations = { ...next.metadata.annotations, ...annotations };
    if (mark.kind !== 'conditions' || next.status === undefined) continue;
    const others = (next.status.conditions ?? []).filter(
      ({ type }) => !mark.conditions.some((condition) => condition.type === type),
    );
    next.status.conditions = [...others, ...mark.conditions];
  }
  return next;
}

describe('planMarks', () => {
  it('tells of silence in one patch', () => {
    const marks = plan(aNode('a', { annotations }), 'silent');
    expect(marks).toHaveLength(1);
    const node = marked(aNode('a'), marks);
    expect(nodeHealth(node)).toBe('silent');
    expect(nodeCondition(node, 'Ready')).toMatchObject({ status: 'Unknown', reason: 'NodeStatusUnknown' });
  });

  it('taints a dead node before anything else', () => {
    const marks = plan(aNode('a', { annotations, ready: 'Unknown', conditions: [silent] }), 'dead');
    expect(marks.map(({ kind }) => kind)).toEqual(['taints']);
    const taints = marked(aNode('a'), marks).spec.taints?.map(({ key, effect }) => `${key}:${effect}`);
    expect(taints).toEqual([
      `${nodeDeadTaint}:NoExecute`,
      `${unreachableTaint}:NoExecute`,
      `${unreachableTaint}:NoSchedule`,
    ]);
  });

  it('gives a node that was only silent its Ready back', () => {
    const node = marked(aNode('a'), plan(aNode('a', { annotations }), 'silent'));
    const back = marked(node, plan(node, 'alive'));
    expect(nodeHealth(back)).toBe('healthy');
    expect(nodeCondition(back, 'Ready')?.status).toBe('True');
  });

  it('takes a dead node back only when its agent has spoken', () => {
    const taints = [{ key: nodeDeadTaint, effect: 'NoExecute' }];
    const waiting = aNode('a', { annotations, ready: 'Unknown', taints });
    expect(planMarks({ node: waiting, verdict: 'alive', readyBefore: undefined, nowMs: t0Ms })).toEqual([]);
    expect(plan(aNode('a', { annotations, taints }), 'alive')).toEqual([{ kind: 'taints', taints: [] }]);
  });

  it('lets the word of an agent stand that speaks while its guard is silent', () => {
    expect(plan(aNode('a', { annotations, conditions: [silent] }), 'silent')).toEqual([]);
    const dead = aNode('a', {
      annotations,
      conditions: [silent],
      taints: [{ key: nodeDeadTaint, effect: 'NoExecute' }],
    });
    expect(plan(dead, 'dead')).toEqual([]);
  });

  it.each(['silent', 'dead', 'alive'] as const)('has nothing to do for %s twice', (verdict) => {
    const node = marked(aNode('a'), plan(aNode('a'), verdict));
    expect(plan(node, verdict)).toEqual([]);
  });
});
