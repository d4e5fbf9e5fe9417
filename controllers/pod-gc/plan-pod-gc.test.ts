import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/generated/core-v1.ts';
import { aNode, aPod } from '../../test/support/workload-objects.ts';
import { outOfServiceTaint } from '../node-state.ts';
import { planPodGc, terminatedPodThreshold } from './plan-pod-gc.ts';

const nodesByName = (...nodes: Node[]): ((name: string) => Node | undefined) => {
  return (name) => nodes.find(({ metadata }) => metadata.name === name);
};

describe('planPodGc', () => {
  it('takes pods of a node that is gone, once that is sure', () => {
    const pod = aPod({ node: 'gone' });
    expect(planPodGc([pod], nodesByName(), () => false)).toEqual([]);
    expect(planPodGc([pod], nodesByName(), () => true)).toEqual([
      { pod, why: 'PodGC: node no longer exists' },
    ]);
  });

  it('takes ending pods of a node out of service, and no others', () => {
    const out = aNode('a', { ready: 'Unknown', taints: [{ key: outOfServiceTaint, effect: 'NoExecute' }] });
    const [running, ending] = [aPod({ node: 'a' }), aPod({ node: 'a', deleting: true })];
    const plan = planPodGc([running, ending], nodesByName(out), () => false);
    expect(plan).toEqual([{ pod: ending, why: 'PodGC: node is out-of-service' }]);
    expect(planPodGc([ending], nodesByName(aNode('a', { ready: 'Unknown' })), () => false)).toEqual([]);
  });

  it('takes what was deleted before it was bound', () => {
    const pod = aPod({ deleting: true });
    expect(planPodGc([pod, aPod()], nodesByName(), () => true)).toEqual([{ pod, why: undefined }]);
  });

  it('takes the oldest of too many finished pods', () => {
    const finished = Array.from({ length: terminatedPodThreshold }, () =>
      aPod({ node: 'a', phase: 'Succeeded' }),
    );
    const oldest = aPod({ node: 'a', phase: 'Failed', created: '2020-01-01T00:00:00Z' });
    const plan = planPodGc([...finished, oldest], nodesByName(aNode('a')), () => false);
    expect(plan).toEqual([{ pod: oldest, why: undefined }]);
  });
});
