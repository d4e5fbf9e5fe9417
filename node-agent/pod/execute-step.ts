import { pods } from '../../api/generated/resources.ts';
import { isConflict, isNotFound } from '../../api/status-error.ts';
import { removeContainer, removePod, stopContainer } from './execute-ending.ts';
import { announceImageBackoff, ensureImage } from './execute-image.ts';
import { resizePod } from './execute-resize.ts';
import { createSandbox } from './execute-sandbox.ts';
import { runPostStart, startContainer } from './execute-start.ts';
import { mountVolumes } from './execute-volumes.ts';
import type { PodRun } from './pod-run.ts';
import type { Step } from './step.ts';

type Executors = {
  readonly [Kind in Step['kind']]: (step: Extract<Step, { kind: Kind }>, run: PodRun) => Promise<void>;
};

/** The I/O behind each kind of step. Expected failures are written to the memory; what throws is tried again later. */
export const executors: Executors = {
  mountVolumes: (_step, run) => mountVolumes(run),
  unmountVolumes: async (_step, { dependencies, memory, pod }) => {
    await dependencies.volumes.unmount(pod.metadata.uid);
    memory.volumes = { state: 'unmounted' };
  },
  ensureImage,
  announceImageBackoff,
  createSandbox,
  startContainer,
  runPostStart,
  resizePod: (_step, run) => resizePod(run),
  leaveServices: async ({ withinMs }, { dependencies, memory, pod }) => {
    await dependencies.departures.leave(pod, withinMs);
    memory.hasLeftServices = true;
  },
  stopContainer,
  removeContainer,
  stopSandbox: async ({ sandboxId }, { dependencies, memory }) => {
    await dependencies.runtime.stopPodSandbox(sandboxId);
    const sandbox = memory.sandboxes.find(({ id }) => id === sandboxId);
    if (sandbox !== undefined) memory.putSandbox({ ...sandbox, ready: false });
  },
  cleanUp: (_step, run) => removePod(run),
  finaliseDeletion: async (_step, { dependencies, pod }) => {
    const { namespace, name, uid } = pod.metadata;
    try {
      await dependencies.client.delete(pods, { namespace, name }, { gracePeriodSeconds: 0, uid });
    } catch (error) {
      // Gone, or another pod has the name by now: either way this one is no more.
      if (!isNotFound(error) && !isConflict(error)) throw error;
    }
  },
  fail: async ({ reason, message }, { memory, report }) => {
    memory.verdict = { reason, message };
    report({ type: 'Normal', reason, message });
  },
  wake: async () => undefined,
};

export function executeStep(step: Step, run: PodRun): Promise<void> {
  return pick(step.kind)(step, run);
}

/** One step kind, one executor: the table's type guarantees the match that the compiler cannot follow here. */
function pick<Kind extends Step['kind']>(kind: Kind): (step: Step, run: PodRun) => Promise<void> {
  const execute = executors[kind] as (step: Step, run: PodRun) => Promise<void>;
  return execute;
}
