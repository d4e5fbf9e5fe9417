import { describe, expect, it } from 'vitest';
import type { Node } from '../../api/generated/core-v1.ts';
import { refusalOf } from './admit-pod.ts';
import { podResourcesOf } from './container-resources.ts';
import { qosClassOf } from './qos.ts';
import { aContainer, aPod } from './test-pod.ts';

const node: Pick<Node, 'metadata' | 'status'> = {
  metadata: { name: 'host-1', uid: '', resourceVersion: '1', creationTimestamp: '', labels: { disk: 'ssd' } },
  status: { allocatable: { cpu: '2', memory: '1Gi', pods: '2' } },
};
const asking = (requests: Record<string, string>) =>
  aPod({ containers: [aContainer({ resources: { requests } })] });

describe('refusalOf', () => {
  it('admits what fits', () => {
    expect(
      refusalOf({ pod: asking({ cpu: '500m' }), admitted: [asking({ cpu: '1500m' })], node }),
    ).toBeUndefined();
  });

  it.each([
    {
      pod: asking({ cpu: '1' }),
      reason: 'OutOfcpu',
      message:
        "Pod was rejected: Node didn't have enough resource: cpu, requested: 1000, used: 1500, capacity: 2000",
    },
    {
      pod: asking({ memory: '2Gi' }),
      reason: 'OutOfmemory',
      message: expect.stringContaining('capacity: 1073741824'),
    },
    { pod: aPod({ nodeSelector: { disk: 'hdd' } }), reason: 'NodeAffinity', message: expect.any(String) },
    {
      pod: aPod({ containers: [aContainer({ ports: [{ containerPort: 80, hostPort: 80 }] })] }),
      reason: 'NodePorts',
      message: expect.any(String),
    },
  ])('refuses with $reason', ({ pod, reason, message }) => {
    const ports = [{ containerPort: 8080, hostPort: 80 }];
    const taken = aPod({ containers: [aContainer({ ports, resources: { requests: { cpu: '1500m' } } })] });
    expect(refusalOf({ pod, admitted: [taken], node })).toEqual({ reason, message });
  });

  it.each([
    [{ sysctls: ['kernel.shm_rmid_forced', 'net/ipv4/tcp_syncookies'] }, undefined],
    [{ sysctls: ['kernel.msgmax'] }, 'forbidden sysctl: "kernel.msgmax" not allowlisted'],
    [
      { sysctls: ['net.ipv4.tcp_syncookies'], hostNetwork: true },
      'forbidden sysctl: "net.ipv4.tcp_syncookies" not allowed with host net enabled',
    ],
    [
      { sysctls: ['kernel.shm_rmid_forced'], hostIPC: true },
      'forbidden sysctl: "kernel.shm_rmid_forced" not allowed with host ipc enabled',
    ],
  ])('sets only what harms no other pod: %j', ({ sysctls, ...spec }, why) => {
    const securityContext = { sysctls: sysctls.map((name) => ({ name, value: '1' })) };
    const refusal = refusalOf({ pod: aPod({ ...spec, securityContext }), admitted: [], node });
    expect(refusal).toEqual(
      why === undefined ? undefined : { reason: 'SysctlForbidden', message: `Pod was rejected: ${why}` },
    );
  });

  it('refuses what required node affinity keeps away', () => {
    const asks = (values: string[]) => {
      const matchExpressions = [{ key: 'disk', operator: 'In', values }];
      const required = { nodeSelectorTerms: [{ matchExpressions }] };
      return aPod({
        affinity: { nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: required } },
      });
    };
    expect(refusalOf({ pod: asks(['hdd']), admitted: [], node })?.reason).toBe('NodeAffinity');
    expect(refusalOf({ pod: asks(['ssd', 'hdd']), admitted: [], node })).toBeUndefined();
  });

  it.each([
    [undefined, '10.0.0.1', 'NodePorts'],
    ['10.0.0.1', '0.0.0.0', 'NodePorts'],
    ['10.0.0.1', '10.0.0.2', undefined],
  ])('knows whether a port on %s is free beside one on %s', (hostIP, other, reason) => {
    const on = (address: string | undefined) =>
      aPod({ containers: [aContainer({ ports: [{ containerPort: 80, hostPort: 80, hostIP: address }] })] });
    expect(refusalOf({ pod: on(hostIP), admitted: [on(other)], node })?.reason).toBe(reason);
  });

  it('names what is lacking before anything else', () => {
    const pod = {
      ...asking({ cpu: '9' }),
      spec: { ...asking({ cpu: '9' }).spec, nodeSelector: { disk: 'hdd' } },
    };
    expect(refusalOf({ pod, admitted: [], node })?.reason).toBe('OutOfcpu');
  });

  it('refuses one pod too many', () => {
    expect(refusalOf({ pod: aPod(), admitted: [aPod(), aPod()], node })?.reason).toBe('OutOfpods');
  });
});

describe('qosClassOf', () => {
  it.each([
    { resources: {}, expected: 'BestEffort' },
    { resources: { requests: { cpu: '1' } }, expected: 'Burstable' },
    { resources: { limits: { cpu: '1', memory: '1Gi' } }, expected: 'Guaranteed' },
    { resources: { limits: { cpu: '1', memory: '1Gi' }, requests: { cpu: '500m' } }, expected: 'Burstable' },
  ])('is $expected for $resources', ({ resources, expected }) => {
    expect(qosClassOf(aPod({ containers: [aContainer({ resources })] }))).toBe(expected);
  });

  it('follows what the pod asks for as a whole', () => {
    const limits = { cpu: '1', memory: '1Gi' };
    const pod = aPod({ resources: { limits: { ...limits }, requests: limits } });
    expect(qosClassOf(pod)).toBe('Guaranteed');
    expect(podResourcesOf(pod)).toMatchObject({ cpuQuotaMicros: 100_000, memoryLimitBytes: 1_073_741_824 });
    expect(refusalOf({ pod, admitted: [asking({ cpu: '1500m' })], node })?.reason).toBe('OutOfcpu');
  });
});
