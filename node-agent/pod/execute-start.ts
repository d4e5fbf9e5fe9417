import type { Container, ResourceRequirements } from '../../api/generated/core-v1.ts';
import { codeOf, messageOf } from '../../base/invariant.ts';
import type { Mount } from '../runtime/runtime.ts';
import { containerConfigOf, defaultTerminationMessagePath } from './container-config.ts';
import {
  ContainerConfigError,
  containerEnvironment,
  envFileKey,
  envFilesOf,
} from './container-environment.ts';
import { maxEnvFileBytes } from './env-file.ts';
import { runHook } from './lifecycle-hook.ts';
import { currentSandbox } from './plan-containers.ts';
import { nextFault } from './pod-memory.ts';
import type { PodRun } from './pod-run.ts';
import { containerNamed, imageVolumesOf, type NamedContainer } from './pod-spec.ts';
import { latestInstance } from './restart-decision.ts';
import { imageKeyOf, type Step } from './step.ts';

type StartContainer = Extract<Step, { kind: 'startContainer' }>;

/** Why a start came to nothing, in the words of the container's status. */
class StartError extends Error {
  readonly code = 'CONTAINER_START';
  readonly reason: string;

  constructor(reason: string, cause: unknown) {
    super(messageOf(cause), { cause });
    this.reason = reason;
  }
}

export async function startContainer(step: StartContainer, run: PodRun): Promise<void> {
  const container = containerNamed(run.pod, step.container);
  if (container === undefined) return;
  const { name } = container.spec;
  try {
    await createAndStart(step, container, run);
    run.memory.faults.delete(name);
  } catch (error) {
    const reason = error instanceof StartError ? error.reason : 'CreateContainerError';
    const message = messageOf(error);
    run.report({ type: 'Warning', reason: 'Failed', message: `Error: ${message}`, container });
    const nowMs = run.dependencies.clock.nowMs();
    run.memory.faults.set(name, nextFault(run.memory.faults.get(name), { reason, message }, nowMs));
  }
}

async function createAndStart(step: StartContainer, container: NamedContainer, run: PodRun): Promise<void> {
  const { runtime } = run.dependencies;
  const sandbox = currentSandbox(run.memory);
  const image = run.memory.images.get(step.container);
  if (sandbox === undefined || image?.state !== 'present') return;
  const config = await configure(step, container, run, image.imageId);
  const id = await runtime.createContainer(sandbox.id, config).catch((error: unknown) => {
    throw new StartError(reasonOfCreate(error), error);
  });
  if (container.role !== 'ephemeral') run.memory.actuated.set(id, resourcesOf(container));
  run.report({ type: 'Normal', reason: 'Created', message: 'Container created', container });
  if (container.spec.lifecycle?.postStart !== undefined) run.memory.hooks.set(id, 'pending');
  try {
    await runtime.startContainer(id);
  } catch (error) {
    run.memory.hooks.delete(id);
    if (await endedAtStart(id, run)) {
      run.report({ type: 'Warning', reason: 'Failed', message: `Error: ${messageOf(error)}`, container });
      return;
    }
    await discardUnstarted(id, run);
    throw new StartError('RunContainerError', error);
  }
  run.report({ type: 'Normal', reason: 'Started', message: 'Container started', container });
  await run.refreshContainer(id);
}

function resourcesOf({ spec }: NamedContainer): ResourceRequirements {
  return ('resources' in spec ? spec.resources : undefined) ?? {};
}

/** What a user can mend in the pod's own configuration has a reason of its own. */
function reasonOfCreate(error: unknown): string {
  return codeOf(error) === 'CONTAINER_CONFIG' || codeOf(error) === 'RUN_AS_NON_ROOT'
    ? 'CreateContainerConfigError'
    : 'CreateContainerError';
}

/** What the runtime tells of as an end (`StartError`) is one: the restart policy decides what follows. */
async function endedAtStart(id: string, run: PodRun): Promise<boolean> {
  await run.refreshContainer(id);
  return run.memory.containers.some((instance) => instance.id === id && instance.state === 'exited');
}

async function discardUnstarted(id: string, run: PodRun): Promise<void> {
  const { runtime, logger } = run.dependencies;
  try {
    await runtime.removeContainer(id);
  } catch (error) {
    // Left for the next plan, which removes every instance that was created and never started.
    logger.warn({ err: error, container: id }, 'remove a container that did not start');
    await run.refreshContainer(id);
  }
}

async function configure(step: StartContainer, container: NamedContainer, run: PodRun, imageId: string) {
  const { node, objects, services, volumes } = run.dependencies;
  const { pod } = run;
  const spec: Container = container.spec;
  const sandbox = currentSandbox(run.memory);
  const podIps = sandbox?.hostNetwork === true ? node.facts().hostIps : (sandbox?.ips ?? []);
  const context = {
    pod,
    podIps,
    ...node.facts(),
    objects: await objects.fetch(pod),
    services: services(),
    envFiles: await readEnvFiles(spec, run),
  };
  try {
    const environment = containerEnvironment(spec, context);
    await mountImages(container, run);
    const mounts = await volumes.containerMounts(pod, spec, environment).catch((error: unknown) => {
      throw new StartError('CreateContainerConfigError', error);
    });
    const target = 'targetContainerName' in container.spec ? container.spec.targetContainerName : undefined;
    return containerConfigOf({
      pod,
      container: spec,
      attempt: step.attempt,
      restartBackoffMs: step.restartBackoffMs,
      imageId,
      environment,
      mounts: [...mounts, await terminationMount(step, spec, run)],
      nodeMemoryBytes: node.memoryBytes,
      podPidsLimit: node.podPidsLimit,
      targetContainerId: target === undefined ? undefined : latestInstance(run.memory, target)?.id,
    });
  } catch (error) {
    throw error instanceof ContainerConfigError ? new StartError('CreateContainerConfigError', error) : error;
  }
}

async function readEnvFiles(spec: Container, { dependencies, pod }: PodRun): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  for (const file of envFilesOf(spec)) {
    const { volumeName, path } = file;
    const text = await dependencies.volumes.readFile(pod, volumeName, path, maxEnvFileBytes);
    if (text !== undefined) files.set(envFileKey(file), text);
  }
  return files;
}

async function mountImages(container: NamedContainer, { dependencies, memory, pod }: PodRun): Promise<void> {
  for (const volume of imageVolumesOf(pod, container)) {
    const fact = memory.images.get(imageKeyOf({ container: container.spec.name, volume: volume.name }));
    if (fact?.state === 'present') await dependencies.volumes.mountImage(pod, volume, fact.imageId);
  }
}

/** The container writes its last words into this file. */
async function terminationMount(step: StartContainer, container: Container, run: PodRun): Promise<Mount> {
  const hostPath = await run.dependencies.directories.createTerminationFile(
    run.pod.metadata.uid,
    container.name,
    step.attempt,
  );
  return {
    hostPath,
    containerPath: container.terminationMessagePath ?? defaultTerminationMessagePath,
    readOnly: false,
    propagation: 'private',
  };
}

export async function runPostStart(
  { container: name, containerId }: Extract<Step, { kind: 'runPostStart' }>,
  run: PodRun,
): Promise<void> {
  const container = containerNamed(run.pod, name);
  const hook = container?.spec.lifecycle?.postStart;
  if (container === undefined || hook === undefined) {
    run.memory.hooks.delete(containerId);
    return;
  }
  try {
    await runHook({ hook, container: container.spec, containerId, run, timeoutMs: maxPostStartMs });
    run.memory.hooks.delete(containerId);
  } catch (error) {
    run.dependencies.logger.warn({ err: error, container: containerId }, 'postStart hook');
    run.report({
      type: 'Warning',
      reason: 'FailedPostStartHook',
      message: 'PostStartHook failed',
      container,
    });
    run.memory.hooks.set(containerId, 'failed');
  }
}

const maxPostStartMs = 24 * 60 * 60_000;
