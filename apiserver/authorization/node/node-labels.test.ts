import { expect, test } from 'vitest';
import { forbiddenLabels } from './node-labels.ts';

test('a node may not touch labels by which workloads are steered', () => {
  const next = {
    rack: '7',
    'kubernetes.io/hostname': 'host-1',
    'node.kubernetes.io/instance-type': 'm1',
    'kubelet.kubernetes.io/x': '',
    'node-restriction.kubernetes.io/vault': '',
    'a.node-restriction.kubernetes.io/b': '',
    'node-role.kubernetes.io/control-plane': '',
    'x.k8s.io/y': '',
    'example.com/k8s.io': '',
  };
  expect(forbiddenLabels(next)).toEqual([
    'a.node-restriction.kubernetes.io/b',
    'node-restriction.kubernetes.io/vault',
    'node-role.kubernetes.io/control-plane',
    'x.k8s.io/y',
  ]);
  expect(forbiddenLabels({}, { 'node-restriction.kubernetes.io/vault': '' })).toHaveLength(1);
  expect(forbiddenLabels(next, next)).toEqual([]);
});
