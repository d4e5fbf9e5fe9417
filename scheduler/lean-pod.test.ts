import { expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import { aPod } from '../test/support/scheduling-objects.ts';
import { toPodClass } from './framework/pod-class.ts';
import { groupOf } from './groups/pod-group.ts';
import { LeanPods, leanPod } from './lean-pod.ts';
import { reasonToStay } from './rebalance/movable.ts';
import { claimNamesOf } from './volume-state.ts';

const time = '2026-01-01T00:00:00Z';
const conditionOf = (type: string) => ({
  type,
  status: 'True',
  reason: 'Infeasible',
  lastTransitionTime: time,
});

function placed(change: Partial<Pod['spec']> = {}, conditions: string[] = ['Ready', 'PodScheduled']): Pod {
  const pod = aPod({ name: 'web-1', cpu: '500m', owner: 'web', labels: { app: 'web' } });
  const [container] = pod.spec.containers;
  if (container === undefined) throw new Error('a pod has a container');
  const main = {
    ...container,
    ...{ env: [{ name: 'A', value: 'x'.repeat(500) }], ports: [{ containerPort: 80, hostPort: 8_080 }] },
    volumeMounts: [{ name: 'token', mountPath: '/t' }],
  };
  return {
    ...pod,
    metadata: { ...pod.metadata, managedFields: [{ manager: 'm', operation: 'Apply' }] },
    spec: {
      ...pod.spec,
      nodeName: 'n1',
      containers: [main],
      initContainers: [
        { name: 'sidecar', image: 'log', restartPolicy: 'Always', resources: { requests: { cpu: '1' } } },
      ],
      volumes: [{ name: 'token', projected: { sources: [] } }],
      ...change,
    },
    status: {
      ...{ phase: 'Running', startTime: time, conditions: conditions.map(conditionOf) },
      containerStatuses: [
        {
          ...{ name: container.name, image: 'i', imageID: 'x'.repeat(80), ready: true, restartCount: 0 },
          allocatedResources: { cpu: '100m' },
          resources: { requests: { cpu: '100m' } },
        },
      ],
    },
  };
}

it.each([
  ['plain', placed()],
  ['with a claim', placed({ volumes: [{ name: 'data', persistentVolumeClaim: { claimName: 'data' } }] })],
  ['with data on its node', placed({ volumes: [{ name: 'data', hostPath: { path: '/data' } }] })],
  ['of a group', placed({ schedulingGroup: { podGroupName: 'all' } })],
  ['that is resized', placed({}, ['Ready', 'PodResizePending'])],
])('a pod %s means the same to scheduling, in less room', (_, pod) => {
  const pods = new LeanPods();
  pods.lean(pod);
  const lean = pods.lean(pod);
  expect(lean).toEqual(leanPod(pod));
  expect(toPodClass(lean)).toEqual(toPodClass(pod));
  expect(reasonToStay(lean)).toBe(reasonToStay(pod));
  expect(claimNamesOf(lean)).toEqual(claimNamesOf(pod));
  expect(groupOf(lean)).toEqual(groupOf(pod));
  expect(lean.status?.phase).toBe('Running');
  expect(JSON.stringify(lean).length).toBeLessThan(JSON.stringify(pod).length / 1.5);
});

it('what is alike in several pods is held once', () => {
  const pods = new LeanPods();
  const [one, two] = [pods.lean(placed()), pods.lean(placed())];
  const other = pods.lean(placed({ containers: [{ name: 'main', image: 'other' }] }));
  expect(one.spec.containers).toBe(two.spec.containers);
  expect(one.metadata.labels).toBe(two.metadata.labels);
  expect(one.metadata.uid).not.toBe(two.metadata.uid);
  expect(other.spec.containers).not.toBe(one.spec.containers);
});

it('a pod that waits for its node stays whole', () => {
  const pod = aPod({});
  expect(leanPod(pod)).toBe(pod);
});
