import { describe, expect, it } from 'vitest';
import { imageAnnotation } from './plan-containers.ts';
import { planPod } from './plan-pod.ts';
import type { PodMemory } from './pod-memory.ts';
import { restartBackoffAnnotation } from './restart-decision.ts';
import { aContainer, aMemory, anEnded, anInstance, aPod, aSandbox } from './test-pod.ts';

const present = (memory: PodMemory, name: string, attempt: number): PodMemory => {
  memory.images.set(name, { state: 'present', attempt, imageId: 'sha256:1' });
  return memory;
};
const kinds = (steps: readonly { readonly kind: string }[]): string[] => steps.map(({ kind }) => kind);

describe('planPod, for a pod that is to run', () => {
  it('begins volumes, sandbox and image at the same time', () => {
    const memory = aMemory({ sandboxes: [], volumes: { state: 'unmounted' } });
    expect(kinds(planPod(aPod(), memory, 0))).toEqual(['mountVolumes', 'createSandbox', 'ensureImage']);
  });

  it('starts a container once image, sandbox and volumes are there, not before', () => {
    const pod = aPod();
    expect(kinds(planPod(pod, aMemory(), 0))).toEqual(['ensureImage']);
    expect(planPod(pod, present(aMemory(), 'main', 0), 0)).toEqual([
      { kind: 'startContainer', container: 'main', attempt: 0, restartBackoffMs: 0 },
    ]);
    const unmounted = present(
      aMemory({ volumes: { state: 'failed', message: '', failures: 1, retryAtMs: 50 } }),
      'main',
      0,
    );
    expect(planPod(pod, unmounted, 0)).toEqual([{ kind: 'wake', atMs: 50 }]);
  });

  it('does nothing while all is as it should be', () => {
    expect(planPod(aPod(), aMemory({ containers: [anInstance()] }), 0)).toEqual([]);
  });

  it('runs init containers one after another and main containers together', () => {
    const pod = aPod({
      initContainers: [aContainer({ name: 'a' }), aContainer({ name: 'b' })],
      containers: [aContainer({ name: 'x' }), aContainer({ name: 'y' })],
    });
    const first = planPod(pod, aMemory(), 0);
    expect(first).toEqual([{ kind: 'ensureImage', container: 'a', attempt: 0 }]);
    const second = planPod(pod, aMemory({ containers: [anEnded({ name: 'a', exitCode: 0 })] }), 0);
    expect(second).toEqual([{ kind: 'ensureImage', container: 'b', attempt: 0 }]);
    const done = [anEnded({ name: 'a', exitCode: 0 }), anEnded({ name: 'b', exitCode: 0 })];
    expect(planPod(pod, aMemory({ containers: done }), 0)).toEqual([
      { kind: 'ensureImage', container: 'x', attempt: 0 },
      { kind: 'ensureImage', container: 'y', attempt: 0 },
    ]);
  });

  it('goes past a sidecar when that has started', () => {
    const startupProbe = { exec: { command: ['true'] } };
    const pod = aPod({
      initContainers: [aContainer({ name: 'side', restartPolicy: 'Always', startupProbe })],
    });
    const memory = aMemory({ containers: [anInstance({ name: 'side' })] });
    memory.probes.set('side-0', { startup: 'pending', readiness: false, liveness: 'ok' });
    expect(planPod(pod, memory, 0)).toEqual([]);
    memory.probes.set('side-0', { startup: 'passed', readiness: false, liveness: 'ok' });
    expect(planPod(pod, memory, 0)).toEqual([{ kind: 'ensureImage', container: 'main', attempt: 0 }]);
  });

  it.each([
    { policy: 'Always', exitCode: 0, restarts: true },
    { policy: 'OnFailure', exitCode: 0, restarts: false },
    { policy: 'OnFailure', exitCode: 1, restarts: true },
    { policy: 'Never', exitCode: 1, restarts: false },
  ])('with $policy after exit code $exitCode restarts: $restarts', ({ policy, exitCode, restarts }) => {
    const memory = present(aMemory({ containers: [anEnded({ exitCode })] }), 'main', 1);
    const steps = kinds(planPod(aPod({ restartPolicy: policy }), memory, 2_000));
    expect(steps.includes('startContainer')).toBe(restarts);
  });

  it.each([
    { operator: 'In', values: [42], exitCode: 42, restarts: true },
    { operator: 'In', values: [42], exitCode: 1, restarts: false },
    { operator: 'NotIn', values: [1], exitCode: 42, restarts: true },
    { operator: 'NotIn', values: [1], exitCode: 1, restarts: false },
  ])(
    'with a rule $operator $values after exit code $exitCode restarts: $restarts',
    ({ exitCode, ...rule }) => {
      const { restarts, ...exitCodes } = rule;
      const rules = [{ action: 'Restart', exitCodes }];
      const main = aContainer({ restartPolicy: 'Never', restartPolicyRules: rules });
      const memory = aMemory({ containers: [anEnded({ exitCode })] });
      memory.images.set('main', { state: 'present', attempt: 1, imageId: 'sha256:1' });
      const steps = kinds(planPod(aPod({ restartPolicy: 'Never', containers: [main] }), memory, 2_000));
      expect(steps.includes('startContainer')).toBe(restarts);
    },
  );

  it('waits between restarts: at once, 10 s, doubled up to 300 s, anew after ten good minutes', () => {
    const waits = [0, 10_000, 160_000, 300_000].map((waitMs) => {
      const annotations = { [restartBackoffAnnotation]: String(waitMs) };
      const memory = present(aMemory({ containers: [anEnded({ annotations })] }), 'main', 1);
      expect(planPod(aPod(), memory, 1_000 + waitMs - 1)).toEqual(
        waitMs === 0 ? expect.anything() : [{ kind: 'wake', atMs: 1_000 + waitMs }],
      );
      return planPod(aPod(), memory, 1_000 + waitMs).map(
        (step) => 'restartBackoffMs' in step && step.restartBackoffMs,
      );
    });
    expect(waits).toEqual([[10_000], [20_000], [300_000], [300_000]]);
    const annotations = { [restartBackoffAnnotation]: '300000' };
    const long = anEnded({ annotations, finishedAtMs: 601_000 });
    const [step] = planPod(aPod(), present(aMemory({ containers: [long] }), 'main', 1), 901_000);
    expect(step).toMatchObject({ restartBackoffMs: 10_000 });
  });

  it('kills a container whose liveness probe failed or whose image changed', () => {
    const memory = aMemory({ containers: [anInstance()] });
    memory.probes.set('main-0', { startup: 'none', readiness: true, liveness: 'failed' });
    expect(planPod(aPod(), memory, 5)).toMatchObject([
      {
        kind: 'stopContainer',
        message: 'Container main failed liveness probe, will be restarted',
        deadlineMs: 30_005,
      },
    ]);
    const older = anInstance({ annotations: { [imageAnnotation]: 'nginx:old' } });
    expect(planPod(aPod(), aMemory({ containers: [older] }), 5)).toMatchObject([
      { message: 'Container main definition changed, will be restarted' },
    ]);
  });

  it('makes a lost sandbox anew and starts the containers in it without waiting', () => {
    const lost = aSandbox({ ready: false });
    expect(planPod(aPod(), aMemory({ sandboxes: [lost], containers: [anEnded()] }), 0)).toContainEqual({
      kind: 'createSandbox',
      attempt: 1,
    });
    const annotations = { [restartBackoffAnnotation]: '300000' };
    const memory = present(
      aMemory({ containers: [anEnded({ sandboxId: 'older', annotations })] }),
      'main',
      1,
    );
    expect(kinds(planPod(aPod(), memory, 1_001))).toEqual(['startContainer']);
  });

  it('tells of a failed pull after a moment and tries again later', () => {
    const memory = aMemory();
    const fact = { state: 'failed', attempt: 0, reason: 'ErrImagePull', message: '', failures: 1 } as const;
    const times = { failedAtMs: 0, retryAtMs: 10_000 };
    memory.images.set('main', { ...fact, ...times, isAnnounced: false });
    expect(planPod(aPod(), memory, 0)).toEqual([{ kind: 'wake', atMs: 2_000 }]);
    expect(kinds(planPod(aPod(), memory, 2_000))).toEqual(['announceImageBackoff']);
    memory.images.set('main', { ...fact, ...times, isAnnounced: true });
    expect(planPod(aPod(), memory, 2_000)).toEqual([{ kind: 'wake', atMs: 10_000 }]);
    expect(kinds(planPod(aPod(), memory, 10_000))).toEqual(['ensureImage']);
  });

  it('brings the images of volumes for the containers that have them, once for the pod', () => {
    const volumeMounts = [{ name: 'data', mountPath: '/data' }];
    const pod = aPod({
      volumes: [{ name: 'data', image: { reference: 'data:1' } }],
      containers: [aContainer({ volumeMounts }), aContainer({ name: 'other' })],
    });
    const restarted = { containers: [anEnded({ annotations: { [restartBackoffAnnotation]: '0' } })] };
    const memory = present(present(aMemory(restarted), 'main', 1), 'other', 0);
    const step = { container: 'main', volume: 'data', attempt: 0 };
    expect(planPod(pod, memory, 1_001)).toMatchObject([
      { kind: 'ensureImage', ...step },
      { kind: 'startContainer', container: 'other' },
    ]);
    const failure = { reason: 'ErrImagePull', message: '', failures: 1, failedAtMs: 1_000, retryAtMs: 9_000 };
    memory.images.set('volume/data', { state: 'failed', attempt: 0, ...failure, isAnnounced: true });
    expect(planPod(pod, memory, 1_001)).toContainEqual({ kind: 'wake', atMs: 9_000 });
    expect(planPod(pod, memory, 9_000)).toMatchObject([{ kind: 'ensureImage', ...step }, {}]);
    expect(kinds(planPod(pod, present(memory, 'volume/data', 0), 1_001))).toEqual([
      'startContainer',
      'startContainer',
    ]);
  });

  it('keeps of each container the newest instance and the one before', () => {
    const containers = [anEnded({ attempt: 0 }), anEnded({ attempt: 1 }), anInstance({ attempt: 2 })];
    expect(planPod(aPod(), aMemory({ containers }), 0)).toEqual([
      { kind: 'removeContainer', containerId: 'main-0' },
    ]);
  });

  it('fails at its active deadline', () => {
    const pod = aPod({ activeDeadlineSeconds: 5 });
    const memory = aMemory({ containers: [anInstance()] });
    expect(planPod(pod, memory, 4_999)).toEqual([{ kind: 'wake', atMs: 5_000 }]);
    expect(planPod(pod, memory, 5_000)).toMatchObject([{ kind: 'fail', reason: 'DeadlineExceeded' }]);
  });
});

describe('planPod, for a pod that is to end', () => {
  const deleted = { deletionTimestamp: '1970-01-01T00:00:05Z', deletionGracePeriodSeconds: 5 };

  it('leaves its services, stops, loses its sandbox, is cleaned up and finalised, each after the one before', () => {
    const pod = aPod({}, deleted);
    const memory = aMemory({ containers: [anInstance()], endingSinceMs: 100 });
    expect(planPod(pod, memory, 200)).toEqual([{ kind: 'leaveServices', withinMs: 1_900 }]);
    memory.hasLeftServices = true;
    expect(planPod(pod, memory, 200)).toMatchObject([{ kind: 'stopContainer', deadlineMs: 5_100 }]);
    memory.containers = [anEnded()];
    expect(planPod(pod, memory, 200)).toEqual([{ kind: 'stopSandbox', sandboxId: 'sandbox-0' }]);
    memory.sandboxes = [aSandbox({ ready: false })];
    expect(planPod(pod, memory, 200)).toEqual([{ kind: 'cleanUp' }]);
    memory.isCleanedUp = true;
    expect(planPod(pod, memory, 200)).toEqual([]);
    memory.isFinalStatusWritten = true;
    expect(planPod(pod, memory, 200)).toEqual([{ kind: 'finaliseDeletion' }]);
  });

  it.each([
    ['at half of a short grace period', { ...deleted, deletionGracePeriodSeconds: 1 }, {}, 600],
    ['after 2 s of a long one', { ...deleted, deletionGracePeriodSeconds: 60 }, {}, 2_100],
    ['at once without grace', { ...deleted, deletionGracePeriodSeconds: 0 }, {}, 100],
    ['at once when the node ends it', deleted, { verdict: { reason: 'Evicted', message: '' } }, 100],
    ['at once when the object is gone', deleted, { isOrphan: true }, 100],
  ])('stops %s, whoever may still send to it', (_when, metadata, facts, atMs) => {
    const memory = aMemory({ containers: [anInstance()], endingSinceMs: 100, ...facts });
    const pod = aPod({}, metadata);
    if (atMs > 100) expect(kinds(planPod(pod, memory, atMs - 1))).toEqual(['leaveServices']);
    expect(kinds(planPod(pod, memory, atMs))).toEqual(['stopContainer']);
  });

  it('waits for what is being made before it takes it away', () => {
    const memory = aMemory({ endingSinceMs: 0 });
    memory.inFlight.add('startContainer main');
    expect(planPod(aPod({}, deleted), memory, 1)).toEqual([]);
  });

  it('never starts anything', () => {
    const memory = aMemory({ sandboxes: [], volumes: { state: 'unmounted' }, endingSinceMs: 0 });
    expect(kinds(planPod(aPod({}, deleted), memory, 1))).toEqual(['cleanUp']);
  });

  it('stops sidecars last, from the last to the first', () => {
    const side = (name: string) => aContainer({ name, restartPolicy: 'Always' });
    const pod = aPod({ initContainers: [side('s1'), side('s2')] }, deleted);
    const all = ['s1', 's2', 'main'].map((name) => anInstance({ name }));
    const stopped = (containers: typeof all): string[] =>
      planPod(pod, aMemory({ containers, endingSinceMs: 0, hasLeftServices: true }), 1).map((step) =>
        'container' in step ? step.container : '',
      );
    expect(stopped(all)).toEqual(['main']);
    expect(stopped(all.slice(0, 2))).toEqual(['s2']);
    expect(stopped(all.slice(0, 1))).toEqual(['s1']);
  });

  it('leaves containers and logs of a pod that is done, until it is deleted', () => {
    const memory = aMemory({
      containers: [anEnded({ exitCode: 0 })],
      sandboxes: [aSandbox({ ready: false })],
    });
    const pod = aPod({ restartPolicy: 'Never' });
    expect(kinds(planPod(pod, memory, 5_000))).toEqual(['unmountVolumes']);
    memory.volumes = { state: 'unmounted' };
    expect(planPod(pod, memory, 5_000)).toEqual([]);
  });

  it('does not finalise what the API no longer has', () => {
    const memory = aMemory({ sandboxes: [], isOrphan: true, isCleanedUp: true, endingSinceMs: 0 });
    expect(planPod(aPod(), memory, 1)).toEqual([]);
  });
});
