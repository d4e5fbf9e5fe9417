import { join } from 'node:path';
import type { Container, Pod } from '../../api/generated/core-v1.ts';
import type { ContainerConfig, Mount } from '../runtime/runtime.ts';
import { containerResourcesOf } from './container-resources.ts';
import { containerSecurityOf } from './container-security.ts';
import { expandVariables } from './expansion.ts';
import { imageAnnotation } from './plan-containers.ts';
import { graceSecondsOf } from './pod-spec.ts';
import { restartBackoffAnnotation } from './restart-decision.ts';

/** How long an orphan may take to end when the pod is not known any more. */
export const graceAnnotation = 'coracle.dev/grace-seconds';

export const defaultTerminationMessagePath = '/dev/termination-log';

export interface ContainerConfigInput {
  readonly pod: Pod;
  readonly container: Container;
  readonly attempt: number;
  readonly restartBackoffMs: number;
  readonly imageId: string;
  readonly environment: ReadonlyMap<string, string>;
  readonly mounts: readonly Mount[];
  readonly nodeMemoryBytes: number;
  readonly podPidsLimit: number | undefined;
  readonly targetContainerId?: string | undefined;
}

export function containerConfigOf(input: ContainerConfigInput): ContainerConfig {
  const { container, pod, environment } = input;
  const expand = (text: string): string => expandVariables(text, (name) => environment.get(name));
  return {
    name: container.name,
    attempt: input.attempt,
    imageId: input.imageId,
    image: container.image ?? '',
    command: (container.command ?? []).map(expand),
    args: (container.args ?? []).map(expand),
    workingDir: container.workingDir,
    env: [...environment].map(([name, value]) => ({ name, value })),
    mounts: input.mounts,
    devices: [],
    resources: containerResourcesOf(input),
    security: containerSecurityOf(pod, container),
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    tty: container.tty === true,
    logPath: containerLogPath(container.name, input.attempt),
    ...(input.targetContainerId === undefined ? {} : { targetContainerId: input.targetContainerId }),
    annotations: {
      [restartBackoffAnnotation]: String(input.restartBackoffMs),
      [imageAnnotation]: container.image ?? '',
      [graceAnnotation]: String(graceSecondsOf(pod)),
    },
  };
}

/** Below the pod's log directory. */
export function containerLogPath(name: string, attempt: number): string {
  return join(name, `${attempt}.log`);
}
