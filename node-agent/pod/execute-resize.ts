import type { Pod } from '../../api/generated/core-v1.ts';
import { toUnits } from '../../api/quantity.ts';
import { messageOf } from '../../base/invariant.ts';
import type { ContainerResources } from '../runtime/runtime.ts';
import { allocatedPod, allocationOf } from './allocation.ts';
import { containerResourcesOf, podResourcesOf } from './container-resources.ts';
import { stopContainer } from './execute-ending.ts';
import { currentSandbox } from './plan-containers.ts';
import { type ResizeChange, resizeChanges } from './plan-resize.ts';
import { nextFault } from './pod-memory.ts';
import type { PodRun } from './pod-run.ts';
import { graceSecondsOf } from './pod-spec.ts';

/**
 * Brings the running containers to what the node has promised. The pod's own group is as wide as the wider of both
 * while they change: the kernel refuses a child more than its parent has, and a parent less than a child.
 */
export async function resizePod(run: PodRun): Promise<void> {
  const changes = resizeChanges(run.pod, run.memory);
  const sandbox = currentSandbox(run.memory);
  if (changes.length === 0 || sandbox === undefined) return;
  const { runtime, clock } = run.dependencies;
  const now = podResourcesOf(run.pod);
  try {
    for (const change of changes) await refuseTooLittleMemory(change, run);
    await runtime.updatePodSandboxResources(sandbox.id, wider(podResourcesOf(before(run.pod, changes)), now));
    for (const change of changes) await applyChange(change, run);
    await runtime.updatePodSandboxResources(sandbox.id, now);
    run.memory.resizeFault = undefined;
    run.report({ type: 'Normal', reason: 'ResizeCompleted', message: 'Pod resize completed' });
  } catch (error) {
    const failure = { reason: 'Error', message: messageOf(error) };
    run.memory.resizeFault = nextFault(run.memory.resizeFault, failure, clock.nowMs());
    run.report({ type: 'Warning', reason: 'ResizeError', message: `Pod resize error: ${failure.message}` });
  }
}

/** The pod as it runs. */
function before(pod: Pod, changes: readonly ResizeChange[]): Pod {
  const allocation = new Map(allocationOf(pod));
  for (const { container, from } of changes) allocation.set(container.name, from);
  return allocatedPod(pod, allocation);
}

function wider(left: ContainerResources, right: ContainerResources): ContainerResources {
  const greater = (a: number | undefined, b: number | undefined): number | undefined =>
    a === undefined || b === undefined ? undefined : Math.max(a, b);
  return {
    cpuShares: greater(left.cpuShares, right.cpuShares),
    cpuQuotaMicros: greater(left.cpuQuotaMicros, right.cpuQuotaMicros),
    cpuPeriodMicros: right.cpuPeriodMicros,
    memoryLimitBytes: greater(left.memoryLimitBytes, right.memoryLimitBytes),
  };
}

/** The kernel would kill the container, or try in vain to take its memory back. */
async function refuseTooLittleMemory(
  { container, instance, needsRestart }: ResizeChange,
  run: PodRun,
): Promise<void> {
  const limit = container.resources?.limits?.['memory'];
  if (limit === undefined || needsRestart) return;
  const used = (await run.dependencies.runtime.containerStats(instance.id))?.memoryWorkingSetBytes ?? 0;
  const limitBytes = toUnits(limit);
  if (limitBytes < used)
    throw new Error(
      `cannot decrease memory limits: memory limit (${limitBytes}) below current usage (${used}) of container ${container.name}`,
    );
}

async function applyChange({ container, instance, needsRestart }: ResizeChange, run: PodRun): Promise<void> {
  const { runtime, node, clock } = run.dependencies;
  if (needsRestart)
    return stopContainer(
      {
        kind: 'stopContainer',
        container: container.name,
        containerId: instance.id,
        deadlineMs: clock.nowMs() + graceSecondsOf(run.pod) * 1000,
        message: `Container ${container.name} resize requires restart`,
      },
      run,
    );
  const { nodeMemoryBytes, podPidsLimit } = {
    nodeMemoryBytes: node.memoryBytes,
    podPidsLimit: node.podPidsLimit,
  };
  const resources = containerResourcesOf({ pod: run.pod, container, nodeMemoryBytes, podPidsLimit });
  await runtime.updateContainerResources(instance.id, resources);
  run.memory.actuated.set(instance.id, container.resources ?? {});
}
