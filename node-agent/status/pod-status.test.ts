import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import type { PodMemory } from '../pod/pod-memory.ts';
import { restartBackoffAnnotation } from '../pod/restart-decision.ts';
import { aContainer, aMemory, anEnded, anInstance, aPod } from '../pod/test-pod.ts';
import { podStatusOf } from './pod-status.ts';
import { statusPatch } from './status-patch.ts';

const compute = (pod: Pod, facts: PodMemory, nowMs = 2_000) =>
  podStatusOf({ pod, facts, nowMs, hostIps: ['192.0.2.1'], previous: pod.status });
const condition = (status: Pod['status'], type: string) =>
  status?.conditions?.find((found) => found.type === type);

describe('podStatusOf', () => {
  it('is Pending with ContainerCreating before anything runs', () => {
    const status = compute(aPod(), aMemory({ sandboxes: [] }));
    expect(status.phase).toBe('Pending');
    expect(status.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'ContainerCreating' } });
    expect(condition(status, 'ContainersReady')).toMatchObject({
      status: 'False',
      reason: 'ContainersNotReady',
      message: 'containers with unready status: [main]',
    });
  });

  it('is Running and Ready when a container without probes runs', () => {
    const status = compute(aPod(), aMemory({ containers: [anInstance()] }));
    expect(status).toMatchObject({ phase: 'Running', podIP: '10.244.1.2', podIPs: [{ ip: '10.244.1.2' }] });
    expect(condition(status, 'Ready')?.status).toBe('True');
    expect(status.containerStatuses?.[0]).toMatchObject({
      ready: true,
      started: true,
      restartCount: 0,
      containerID: 'crun://main-0',
    });
  });

  it('is not Ready until the readiness probe says so', () => {
    const pod = aPod({ containers: [aContainer({ readinessProbe: { exec: { command: ['true'] } } })] });
    const memory = aMemory({ containers: [anInstance()] });
    expect(condition(compute(pod, memory), 'Ready')?.status).toBe('False');
    memory.probes.set('main-0', { startup: 'none', readiness: true, liveness: 'ok' });
    expect(condition(compute(pod, memory), 'Ready')?.status).toBe('True');
  });

  it('runs until its sidecars have ended', () => {
    const sidecar = aContainer({ name: 'side', restartPolicy: 'Always' });
    const pod = aPod({ restartPolicy: 'Never', initContainers: [sidecar] });
    const main = anEnded({ exitCode: 0 });
    const side = { name: 'side', id: 'side-0' };
    const running = aMemory({ containers: [main, anInstance(side)] });
    expect(compute(pod, running).phase).toBe('Running');
    const ended = aMemory({ containers: [main, anEnded({ ...side, exitCode: 143 })] });
    expect(compute(pod, ended).phase).toBe('Succeeded');
  });

  it('tells what is mounted, before the container runs and after', () => {
    const volumeMounts = [
      { name: 'a', mountPath: '/a' },
      { name: 'b', mountPath: '/b', readOnly: true },
    ];
    const pod = aPod({ containers: [aContainer({ volumeMounts }), aContainer({ name: 'bare' })] });
    const expected = [
      { name: 'a', mountPath: '/a' },
      { name: 'b', mountPath: '/b', readOnly: true, recursiveReadOnly: 'Disabled' },
    ];
    for (const memory of [aMemory(), aMemory({ containers: [anInstance()] })]) {
      const statuses = compute(pod, memory).containerStatuses;
      expect(statuses?.map((status) => status.volumeMounts)).toEqual([expected, undefined]);
    }
  });

  it('shows that the image of a volume cannot be had by the containers that mount it', () => {
    const pod = aPod({
      volumes: [{ name: 'data', image: { reference: 'data:1' } }],
      containers: [
        aContainer({ volumeMounts: [{ name: 'data', mountPath: '/data' }] }),
        aContainer({ name: 'other' }),
      ],
    });
    const memory = aMemory();
    const times = { failures: 1, failedAtMs: 0, retryAtMs: 9_000, isAnnounced: false };
    memory.images.set('volume/data', {
      state: 'failed',
      attempt: 0,
      reason: 'ErrImagePull',
      message: 'image data:1 not found',
      ...times,
    });
    const status = compute(pod, memory, 0);
    expect(status.containerStatuses?.map(({ state }) => state?.waiting)).toEqual([
      { reason: 'ErrImagePull', message: 'image data:1 not found' },
      { reason: 'ContainerCreating' },
    ]);
  });

  it('shows a crash loop as waiting, with the last end beside it', () => {
    const ended = anEnded({ attempt: 3, exitCode: 2, annotations: { [restartBackoffAnnotation]: '80000' } });
    const [container] = compute(aPod(), aMemory({ containers: [ended] })).containerStatuses ?? [];
    expect(container).toMatchObject({
      restartCount: 3,
      state: {
        waiting: {
          reason: 'CrashLoopBackOff',
          message: 'back-off 1m20s restarting failed container=main pod=web_default(uid-1)',
        },
      },
      lastState: { terminated: { exitCode: 2, reason: 'Error' } },
    });
  });

  it.each([
    { policy: 'Never', codes: [0, 0], phase: 'Succeeded' },
    { policy: 'Never', codes: [0, 1], phase: 'Failed' },
    { policy: 'OnFailure', codes: [0, 0], phase: 'Succeeded' },
    { policy: 'OnFailure', codes: [0, 1], phase: 'Running' },
    { policy: 'Always', codes: [0, 0], phase: 'Running' },
  ])('with $policy and exit codes $codes is $phase', ({ policy, codes, phase }) => {
    const names = ['a', 'b'];
    const pod = aPod({ restartPolicy: policy, containers: names.map((name) => aContainer({ name })) });
    const containers = names.map((name, index) => anEnded({ name, exitCode: codes[index] }));
    expect(compute(pod, aMemory({ containers }), 1_500).phase).toBe(phase);
  });

  it('follows the rules of a container that ended before the policy of the pod', () => {
    const rule = { action: 'Restart', exitCodes: { operator: 'In', values: [42] } };
    const main = aContainer({ restartPolicy: 'Never', restartPolicyRules: [rule] });
    const pod = aPod({ restartPolicy: 'Never', containers: [main] });
    const phaseAfter = (exitCode: number): string | undefined =>
      compute(pod, aMemory({ containers: [anEnded({ exitCode })] }), 1_500).phase;
    expect([phaseAfter(42), phaseAfter(1), phaseAfter(0)]).toEqual(['Running', 'Failed', 'Succeeded']);
  });

  it('ends a deleted pod as Failed or Succeeded, whatever its restart policy', () => {
    const pod = aPod({}, { deletionTimestamp: '1970-01-01T00:00:01Z' });
    const memory = aMemory({ containers: [anEnded({ exitCode: 0 })], endingSinceMs: 0 });
    expect(compute(pod, memory).phase).toBe('Succeeded');
    memory.containers = [anEnded({ exitCode: 137 })];
    expect(compute(pod, memory).phase).toBe('Failed');
    memory.containers = [anInstance()];
    expect(compute(pod, memory).phase).toBe('Running');
  });

  it('counts an end that nobody saw as 137', () => {
    const pod = aPod({ restartPolicy: 'Never' });
    const [container] =
      compute(pod, aMemory({ containers: [anEnded({ exitCode: undefined })] })).containerStatuses ?? [];
    expect(container?.state?.terminated).toMatchObject({ exitCode: 137, reason: 'ContainerStatusUnknown' });
  });

  it('tells why a pod was refused', () => {
    const memory = aMemory({
      sandboxes: [],
      verdict: { reason: 'OutOfcpu', message: 'Pod was rejected: ...' },
    });
    expect(compute(aPod(), memory)).toMatchObject({ phase: 'Failed', reason: 'OutOfcpu' });
  });
});

describe('statusPatch', () => {
  const pod = aPod();
  const memory = aMemory({ containers: [anInstance()] });

  it('is empty when the API has the status already, whenever it is computed', () => {
    const status = compute(pod, memory);
    const known = { ...pod, status };
    expect(statusPatch(known, compute(known, memory, 900_000))).toBeUndefined();
  });

  it('holds what changed, and leaves conditions of others alone', () => {
    const foreign = { type: 'example.com/gate', status: 'True' };
    const before = compute(pod, memory);
    const known = { ...pod, status: { ...before, conditions: [...(before.conditions ?? []), foreign] } };
    memory.containers = [anEnded()];
    const patch = statusPatch(known, compute(known, memory, 1_500));
    expect(Object.keys(patch ?? {}).sort()).toEqual(['conditions', 'containerStatuses']);
    expect(JSON.stringify(patch)).not.toContain('example.com');
  });

  it('takes addresses away that the pod and its node no longer have', () => {
    const status = compute(pod, memory);
    const before = {
      ...{ podIP: '10.244.1.9', podIPs: [{ ip: '10.244.1.9' }] },
      ...{ hostIP: '192.0.2.9', hostIPs: [{ ip: '192.0.2.9' }] },
    };
    expect(statusPatch({ ...pod, status: { ...status, ...before } }, status)).toEqual({
      podIP: '10.244.1.2',
      podIPs: [{ ip: '10.244.1.2' }, { $patch: 'delete', ip: '10.244.1.9' }],
      hostIP: status.hostIP,
      hostIPs: [{ ip: status.hostIP }, { $patch: 'delete', ip: '192.0.2.9' }],
    });
  });
});
