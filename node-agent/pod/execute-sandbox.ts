import { messageOf } from '../../base/invariant.ts';
import { nextFault } from './pod-memory.ts';
import type { PodRun } from './pod-run.ts';
import { sandboxConfigOf } from './sandbox-config.ts';
import type { Step } from './step.ts';

/** A sandbox that was lost is stopped first: its address is freed, and what still ran in it ends. */
export async function createSandbox(
  { attempt }: Extract<Step, { kind: 'createSandbox' }>,
  run: PodRun,
): Promise<void> {
  const { runtime, node, clock } = run.dependencies;
  if (run.memory.sandboxes.length > 0) {
    const message = 'Pod sandbox changed, it will be killed and re-created.';
    run.report({ type: 'Normal', reason: 'SandboxChanged', message });
    for (const { id } of run.memory.sandboxes) await runtime.stopPodSandbox(id);
  }
  const { pod } = run;
  try {
    const config = sandboxConfigOf({ pod, attempt, names: node.names, logRoot: node.logRoot });
    run.memory.putSandbox(await runtime.runPodSandbox(config));
    run.memory.sandboxFault = undefined;
  } catch (error) {
    const message = `Failed to create pod sandbox: ${messageOf(error)}`;
    run.report({ type: 'Warning', reason: 'FailedCreatePodSandBox', message });
    const reason = 'FailedCreatePodSandBox';
    const fault = nextFault(run.memory.sandboxFault, { reason, message }, clock.nowMs());
    run.memory.sandboxFault = {
      ...fault,
      retryAtMs: Math.min(fault.retryAtMs, clock.nowMs() + maxSandboxRetryMs),
    };
  }
}

const maxSandboxRetryMs = 10_000;
