import type { Container, Pod } from '../../api/generated/core-v1.ts';
import type { ContainerStatus, PodSandboxStatus } from '../runtime/runtime.ts';
import { PodMemory } from './pod-memory.ts';

/** Builders for tests of plans and statuses. Times are milliseconds from zero. */
export function aContainer(fields: Partial<Container> = {}): Container {
  return { name: 'main', image: 'nginx', ...fields };
}

export function aPod(spec: Partial<Pod['spec']> = {}, metadata: Partial<Pod['metadata']> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web',
      namespace: 'default',
      uid: 'uid-1',
      resourceVersion: '1',
      creationTimestamp: '1970-01-01T00:00:00Z',
      ...metadata,
    },
    spec: { containers: [aContainer()], ...spec },
  };
}

export function aSandbox(fields: Partial<PodSandboxStatus> = {}): PodSandboxStatus {
  return {
    id: 'sandbox-0',
    pod: { uid: 'uid-1', namespace: 'default', name: 'web' },
    attempt: 0,
    ready: true,
    createdAtMs: 0,
    ips: ['10.244.1.2'],
    hostNetwork: false,
    cgroupParent: 'besteffort/poduid-1',
    annotations: {},
    ...fields,
  };
}

export function anInstance(fields: Partial<ContainerStatus> = {}): ContainerStatus {
  const { name = 'main', attempt = 0 } = fields;
  return {
    id: `${name}-${attempt}`,
    sandboxId: 'sandbox-0',
    podUid: 'uid-1',
    name,
    attempt,
    state: 'running',
    pid: 1,
    createdAtMs: 0,
    startedAtMs: 0,
    finishedAtMs: undefined,
    exitCode: undefined,
    reason: undefined,
    message: undefined,
    image: 'nginx',
    imageId: 'sha256:1',
    logPath: '',
    annotations: {},
    ...fields,
  };
}

export function anEnded(fields: Partial<ContainerStatus> = {}): ContainerStatus {
  return anInstance({ state: 'exited', exitCode: 1, finishedAtMs: 1_000, ...fields });
}

/** A pod whose sandbox and volumes stand. */
export function aMemory(fields: Partial<PodMemory> = {}): PodMemory {
  const memory = new PodMemory(0);
  memory.sandboxes = [aSandbox()];
  memory.volumes = { state: 'mounted', refreshAtMs: undefined };
  return Object.assign(memory, fields);
}
