import { join } from 'node:path';
import type { LifecycleHandler } from '../../api/generated/core-v1.ts';
import { containerLogPath } from './container-config.ts';
import { runHook } from './lifecycle-hook.ts';
import type { PodRun } from './pod-run.ts';
import { containerNamed, type NamedContainer } from './pod-spec.ts';
import { podLogDirectory } from './sandbox-config.ts';
import type { Step, StopContainerStep } from './step.ts';

/** Even a container without any grace left gets a moment between SIGTERM and SIGKILL. */
const minGraceMs = 2_000;

/** preStop, then the stop signal, then SIGKILL at the deadline. */
export async function stopContainer(step: StopContainerStep, run: PodRun): Promise<void> {
  const { runtime, clock } = run.dependencies;
  const container = containerNamed(run.pod, step.container);
  run.report({ type: 'Normal', reason: 'Killing', message: step.message, container });
  const preStop = container?.spec.lifecycle?.preStop;
  const leftMs = (): number => step.deadlineMs - clock.nowMs();
  if (container !== undefined && preStop !== undefined && leftMs() > 0)
    await runPreStop(step, run, container, preStop, leftMs());
  const signal = container?.spec.lifecycle?.stopSignal;
  await runtime.stopContainer(step.containerId, Math.max(minGraceMs, leftMs()), signal);
  await run.refreshContainer(step.containerId);
}

/** Ends early when the container ends by itself. A hook that fails does not keep the container alive. */
async function runPreStop(
  step: StopContainerStep,
  run: PodRun,
  container: NamedContainer,
  hook: LifecycleHandler,
  timeoutMs: number,
): Promise<void> {
  const { logger } = run.dependencies;
  try {
    await runHook({ hook, container: container.spec, containerId: step.containerId, run, timeoutMs });
  } catch (error) {
    logger.warn({ err: error, container: step.containerId }, 'preStop hook');
    run.report({ type: 'Warning', reason: 'FailedPreStopHook', message: 'PreStopHook failed', container });
  }
}

/** Removes an old instance and its logs. */
export async function removeContainer(
  { containerId }: Extract<Step, { kind: 'removeContainer' }>,
  { dependencies, memory, pod }: PodRun,
): Promise<void> {
  const { runtime, directories, node } = dependencies;
  const instance = memory.containers.find(({ id }) => id === containerId);
  await runtime.removeContainer(containerId);
  if (instance !== undefined) {
    const logPath = join(
      podLogDirectory(node.logRoot, pod),
      containerLogPath(instance.name, instance.attempt),
    );
    await directories.removeInstance(instance, logPath);
  }
  memory.dropContainer(containerId);
}

/** Removes everything of the pod from the node. Idempotent. */
export async function removePod({ dependencies, memory, pod }: PodRun): Promise<void> {
  const { runtime, volumes, directories, objects, node } = dependencies;
  for (const { id } of memory.containers) await runtime.removeContainer(id);
  for (const { id } of memory.sandboxes) {
    await runtime.stopPodSandbox(id);
    await runtime.removePodSandbox(id);
  }
  await volumes.unmount(pod.metadata.uid);
  await directories.remove(pod.metadata.uid, podLogDirectory(node.logRoot, pod));
  objects.release(pod.metadata.uid);
  memory.volumes = { state: 'unmounted' };
  memory.isCleanedUp = true;
}
