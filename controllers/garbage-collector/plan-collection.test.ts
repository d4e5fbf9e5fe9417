import { describe, expect, it } from 'vitest';
import type { OwnerReference } from '../../api/generated/meta-v1.ts';
import { pods } from '../../api/generated/resources.ts';
import { type GraphNode, OwnerGraph } from './graph.ts';
import { type OwnerState, planCollection } from './plan-collection.ts';

const owner = (uid: string, blockOwnerDeletion = true): OwnerReference => ({
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  name: uid,
  uid,
  blockOwnerDeletion,
});

function aNode(uid: string, over: Partial<GraphNode> = {}): GraphNode {
  return {
    type: pods,
    uid,
    namespace: 'default',
    name: uid,
    resourceVersion: '1',
    owners: [],
    finalizers: [],
    deleting: false,
    ...over,
  };
}

const states =
  (known: Record<string, OwnerState>) =>
  ({ uid }: OwnerReference): OwnerState =>
    known[uid] ?? 'gone';

describe('planCollection', () => {
  it('keeps what has all its owners, or never had one', () => {
    expect(planCollection(aNode('a'), [], states({}))).toEqual({ kind: 'keep' });
    const owned = aNode('a', { owners: [owner('o')] });
    expect(planCollection(owned, [], states({ o: 'solid' }))).toEqual({ kind: 'keep' });
  });

  it('deletes what has lost all its owners, as its finalizers ask', () => {
    const orphaned = aNode('a', { owners: [owner('o')] });
    expect(planCollection(orphaned, [], states({}))).toEqual({ kind: 'delete', propagation: 'Background' });
    const keeping = aNode('a', { owners: [owner('o')], finalizers: ['orphan'] });
    expect(planCollection(keeping, [], states({}))).toEqual({ kind: 'delete', propagation: 'Orphan' });
  });

  it('only forgets a lost owner while another one stays', () => {
    const shared = aNode('a', { owners: [owner('gone'), owner('stays')] });
    expect(planCollection(shared, [], states({ stays: 'solid' }))).toEqual({
      kind: 'disown',
      owners: [owner('stays')],
    });
  });

  it('passes the foreground deletion of an owner on to what has dependents itself', () => {
    const middle = aNode('rs', { owners: [owner('deploy')] });
    const plan = planCollection(
      middle,
      [aNode('pod', { owners: [owner('rs')] })],
      states({ deploy: 'waiting' }),
    );
    expect(plan).toEqual({ kind: 'delete', propagation: 'Foreground' });
  });

  it('lets an owner go when nothing that blocks it is left', () => {
    const waiting = aNode('rs', { deleting: true, finalizers: ['foregroundDeletion'] });
    const blocking = aNode('pod', { owners: [owner('rs')] });
    expect(planCollection(waiting, [blocking], states({}))).toEqual({
      kind: 'await',
      dependents: [blocking],
    });
    expect(planCollection(waiting, [aNode('pod', { owners: [owner('rs', false)] })], states({}))).toEqual({
      kind: 'unblock',
    });
  });

  it('does not delete twice', () => {
    const going = aNode('a', { owners: [owner('o')], deleting: true });
    expect(planCollection(going, [], states({}))).toEqual({ kind: 'keep' });
  });
});

describe('OwnerGraph', () => {
  it('finds dependents by uid, also before their owner is known and after it changed', () => {
    const graph = new OwnerGraph();
    graph.set(aNode('pod', { owners: [owner('rs')] }));
    expect(graph.dependentsOf('rs').map(({ uid }) => uid)).toEqual(['pod']);
    graph.set(aNode('pod', { owners: [owner('other')] }));
    expect(graph.dependentsOf('rs')).toEqual([]);
    graph.delete('pod');
    expect(graph.dependentsOf('other')).toEqual([]);
    expect(graph.isGone('pod')).toBe(true);
  });

  it('breaks a circle of owners that all wait for each other', () => {
    const first = aNode('first', {
      owners: [owner('last')],
      deleting: true,
      finalizers: ['foregroundDeletion'],
    });
    const last = aNode('last', { owners: [owner('middle')] });
    expect(planCollection(last, [first], states({ middle: 'waiting' }))).toEqual({
      kind: 'yield',
      owners: [owner('middle', false)],
    });
    const yielded = aNode('last', { owners: [owner('middle', false)] });
    expect(planCollection(yielded, [first], states({ middle: 'waiting' }))).toEqual({
      kind: 'delete',
      propagation: 'Foreground',
    });
  });

  it('asks no dependent again that waits itself', () => {
    const waiting = { deleting: true, finalizers: ['foregroundDeletion'] };
    const first = aNode('first', { owners: [owner('second')], ...waiting });
    const second = aNode('second', { owners: [owner('first')], ...waiting });
    expect(planCollection(first, [second], states({}))).toEqual({ kind: 'await', dependents: [] });
  });
});
