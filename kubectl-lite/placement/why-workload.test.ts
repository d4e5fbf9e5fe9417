import { expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { aNode, aPod } from '../../test/support/scheduling-objects.ts';
import { Snapshot } from './snapshot.ts';
import { explainWorkload, workloadText } from './why-workload.ts';

const noVolumes = { claim: () => undefined, volume: () => undefined, storageClass: () => undefined };

function replicaSet(replicas: number, status: object = {}): AnyObject {
  const metadata = {
    ...{ name: 'web', namespace: 'default', uid: 'web', resourceVersion: '1', creationTimestamp: '' },
  };
  return { apiVersion: 'apps/v1', kind: 'ReplicaSet', metadata, spec: { replicas }, status };
}

function snapshotOf(count: number, cpu: string): Snapshot {
  const sources = { namespaces: [], budgets: [], volumes: noVolumes, strategy: 'least-loaded' as const };
  const snapshot = new Snapshot({ ...sources, nodes: [aNode({ name: 'a' }), aNode({ name: 'b' })] });
  for (let n = 0; n < count; n += 1) {
    const pod = aPod({ name: `web-${n}`, owner: 'web', cpu });
    const nodeName = n === 0 ? { nodeName: 'a' } : {};
    snapshot.addPod({ ...pod, spec: { ...pod.spec, ...nodeName } });
  }
  return snapshot;
}

const textOf = (snapshot: Snapshot, workload: AnyObject): string =>
  workloadText(explainWorkload(snapshot, { workload, replicaSets: [] }));

it('tells of pods that wait alike once, and where the others are', () => {
  const text = textOf(snapshotOf(4, '5'), replicaSet(4));
  expect(text).toMatch(/^replicaset default\/web: pods: 4 wanted, 1 on nodes, 3 pending\n/);
  expect(text).toMatch(/NODE +PODS +NAMES\na +1 +web-0\n/);
  expect(text.match(/is pending: 0\/2 nodes are available: 2 Insufficient cpu/g)).toHaveLength(1);
  expect(text).toContain('alike: default/web-2, default/web-3\n');
});

it('says why pods are not even made', () => {
  const condition = {
    type: 'ReplicaFailure',
    status: 'True',
    reason: 'FailedCreate',
    message: 'exceeded quota',
  };
  const failed = replicaSet(3, { conditions: [condition] });
  expect(textOf(snapshotOf(1, '1'), failed)).toContain('not made: FailedCreate: exceeded quota\n');
  expect(textOf(snapshotOf(1, '1'), replicaSet(3))).toContain('2 not made yet by its controller\n');
});
