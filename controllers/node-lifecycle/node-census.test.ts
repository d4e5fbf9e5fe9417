import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aNode } from '../../test/support/workload-objects.ts';
import { isNodeReady, nodeDeadTaint, nodeHealth } from '../node-state.ts';
import { NodeCensus } from './node-census.ts';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const state = fc.constantFrom('well', 'unwell', 'dead', 'gone');

const inState = (node: string, is: string): ReturnType<typeof aNode> =>
  aNode(node, {
    ready: is === 'well' ? 'True' : 'False',
    ...(is === 'dead' ? { taints: [{ key: nodeDeadTaint, effect: 'NoExecute' }] } : {}),
  });

describe('NodeCensus', () => {
  it('knows what counting all nodes would find', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, state), { maxLength: 20 }), (changes) => {
        const census = new NodeCensus();
        const nodes = new Map<string, ReturnType<typeof aNode>>();
        for (const [node, is] of changes)
          if (is === 'gone') {
            nodes.delete(node);
            census.remove(node);
          } else {
            nodes.set(node, inState(node, is));
            census.count(inState(node, is));
          }
        const living = [...nodes.values()].filter((node) => nodeHealth(node) !== 'dead');
        const unwell = living.filter((node) => !isNodeReady(node));
        expect([census.living, census.unwell]).toEqual([living.length, unwell.length]);
      }),
    );
  });
});
