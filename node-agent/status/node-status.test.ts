import { describe, expect, it } from 'vitest';
import { nodeStatusOf, resourcesPatch } from './node-status.ts';

const gibibyte = 1024 ** 3;
const readings = {
  ...{ nodeName: 'host-1', addresses: ['10.0.0.1'], port: 10_250 },
  capacity: { cpuMillis: 2_000, memoryBytes: 4 * gibibyte },
  availableMemoryBytes: 2 * gibibyte,
  disk: { capacityBytes: 100 * gibibyte, availableBytes: 50 * gibibyte },
  identity: { bootId: 'b', machineId: 'm', systemUuid: 's', osImage: 'Debian' },
  ...{ runtimeVersion: 'crun://1', images: [], notReady: undefined },
};

describe('node status', () => {
  it('makes extended resources that others advertise allocatable, and no others', () => {
    const capacity = {
      'example.com/foo': '5',
      'scheduling.k8s.io/bar': '3',
      'old.kubernetes.io/baz': '1',
      cpu: '64',
    };
    const status = nodeStatusOf(readings, { capacity }, 0);
    expect(status.allocatable).toEqual({
      ...{ 'example.com/foo': '5', 'scheduling.k8s.io/bar': '3' },
      ...{ cpu: '2', memory: '4194304Ki', 'ephemeral-storage': '104857600Ki', pods: '110' },
    });
    expect(status.capacity).toEqual(status.allocatable);
  });

  it('takes away what others no longer advertise', () => {
    const known = { cpu: '2', 'example.com/foo': '5' };
    const read = { capacity: { cpu: '2' }, allocatable: known };
    const { allocatable, capacity } = resourcesPatch(nodeStatusOf(readings, read, 0), read);
    expect(allocatable).toEqual({ ...capacity, 'example.com/foo': null });
    expect(capacity).not.toHaveProperty('cpu');
  });

  it('leaves alone what others may change in the meantime', () => {
    const known = { 'example.com/foo': '5' };
    const read = { capacity: { ...known, 'example.com/bar': '1' }, allocatable: known };
    const { capacity, allocatable } = resourcesPatch(nodeStatusOf(readings, read, 0), read);
    expect(Object.keys(capacity).sort()).toEqual(['cpu', 'ephemeral-storage', 'memory', 'pods']);
    expect(allocatable).toEqual({ ...capacity, 'example.com/bar': '1' });
  });
});
