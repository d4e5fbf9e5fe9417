import { describe, expect, it } from 'vitest';
import type { Node, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { podStatusOf } from '../status/pod-status.ts';
import { statusPatch } from '../status/status-patch.ts';
import { allocatedPod, allocationOf, recoveredAllocation } from './allocation.ts';
import { planPod } from './plan-pod.ts';
import type { PodMemory } from './pod-memory.ts';
import { resizeRefusalOf } from './resize-verdict.ts';
import { aContainer, aMemory, anInstance, aPod } from './test-pod.ts';

const small: ResourceRequirements = { requests: { cpu: '100m' }, limits: { cpu: '200m', memory: '64Mi' } };
const large: ResourceRequirements = { requests: { cpu: '150m' }, limits: { cpu: '300m', memory: '64Mi' } };
const asking = (resources: ResourceRequirements) => aPod({ containers: [aContainer({ resources })] });

const runningWith = (resources: ResourceRequirements): PodMemory =>
  aMemory({ containers: [anInstance()], actuated: new Map([['main-0', resources]]) });
const kindsOf = (pod: ReturnType<typeof aPod>, memory: PodMemory): string[] =>
  planPod(pod, memory, 0).map(({ kind }) => kind);

describe('a resize', () => {
  it('is planned while a container runs with other resources than promised', () => {
    expect(kindsOf(asking(small), runningWith(small))).toEqual([]);
    expect(kindsOf(asking(large), runningWith(small))).toEqual(['resizePod']);
  });

  it('waits after a failure', () => {
    const memory = runningWith(small);
    memory.resizeFault = { reason: 'Error', message: 'no', failures: 1, retryAtMs: 10_000 };
    expect(planPod(asking(large), memory, 0)).toEqual([{ kind: 'wake', atMs: 10_000 }]);
  });

  it('goes on where an earlier agent left it, by what the status says', () => {
    const pod = asking(large);
    const known = {
      ...{ name: 'main', image: 'nginx', imageID: '', ready: true, restartCount: 0 },
      containerID: 'x',
    };
    const recovered = recoveredAllocation({
      ...pod,
      status: { containerStatuses: [{ ...known, resources: small }] },
    });
    expect(allocatedPod(pod, recovered).spec.containers[0]?.resources).toEqual(small);
    const memory = aMemory({ containers: [anInstance()], recovered });
    expect(kindsOf(pod, memory)).toEqual(['resizePod']);
    expect(allocatedPod(pod, allocationOf(pod))).toBe(pod);
  });

  it('is told of while it is on its way, and no longer', () => {
    const statusOf = (memory: PodMemory) =>
      podStatusOf({
        pod: asking(large),
        facts: memory,
        nowMs: 0,
        hostIps: ['192.0.2.1'],
        previous: undefined,
      });
    const typesOf = (memory: PodMemory) => (statusOf(memory).conditions ?? []).map(({ type }) => type);
    const memory = runningWith(small);
    expect(typesOf(memory)).toContain('PodResizeInProgress');
    expect(statusOf(memory).containerStatuses?.[0]).toMatchObject({
      resources: small,
      allocatedResources: large.requests,
    });
    const before = { ...asking(large), status: statusOf(memory) };
    memory.actuated.set('main-0', large);
    expect(typesOf(memory)).not.toContain('PodResizeInProgress');
    expect(statusPatch(before, statusOf(memory))?.['conditions']).toContainEqual({
      $patch: 'delete',
      type: 'PodResizeInProgress',
    });
    memory.resizeRefusal = { reason: 'Deferred', message: 'later' };
    expect(statusOf(memory).conditions).toContainEqual(
      expect.objectContaining({
        type: 'PodResizePending',
        status: 'True',
        reason: 'Deferred',
        message: 'later',
      }),
    );
  });
});

const node: Pick<Node, 'metadata' | 'status'> = {
  metadata: { name: 'host-1', uid: '', resourceVersion: '1', creationTimestamp: '' },
  status: { allocatable: { cpu: '1', memory: '1Gi', pods: '10' } },
};

describe('the node', () => {
  it.each([
    ['800m', undefined],
    ['2', "Infeasible: Node didn't have enough capacity: cpu, requested: 2000, capacity: 1000"],
    ['900m', "Deferred: Node didn't have enough resource: cpu, requested: 900, used: 200, capacity: 1000"],
  ])('answers a resize to %s', (cpu, answer) => {
    const admitted = [asking({ requests: { cpu: '200m' } })];
    const refusal = resizeRefusalOf({ pod: asking({ requests: { cpu } }), admitted, node });
    expect(refusal && `${refusal.reason}: ${refusal.message}`).toBe(answer);
  });
});
