import { describe, expect, it } from 'vitest';
import { aNode } from '../../test/support/workload-objects.ts';
import { ingressOf } from './load-balancer-controller.ts';

describe('ingressOf', () => {
  it('is the addresses of Ready nodes, in numeric order', () => {
    const nodes = [
      aNode('c', { address: '10.0.0.10' }),
      aNode('a', { address: '10.0.0.9' }),
      aNode('b', { address: '10.0.0.1', ready: 'False' }),
    ];
    expect(ingressOf(nodes).map(({ ip }) => ip)).toEqual(['10.0.0.9', '10.0.0.10']);
  });
});
