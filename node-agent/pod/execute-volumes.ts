import { messageOf } from '../../base/invariant.ts';
import type { PodRun } from './pod-run.ts';

/** Doubled from failure to failure. What a pod waits for in the API wakes it anyway. */
const firstMountRetryMs = 500;
const maxMountRetryMs = 122_000;
const refreshRetryMs = 10_000;

/** Mounts what is not mounted yet and writes anew what has changed. */
export async function mountVolumes(run: PodRun): Promise<void> {
  const { volumes, objects, node, clock } = run.dependencies;
  const before = run.memory.volumes;
  const wasMounted = before.state === 'mounted';
  if (wasMounted) run.memory.volumes = { state: 'mounted', refreshAtMs: undefined };
  try {
    const context = { pod: run.pod, podIps: [], ...node.facts(), objects: await objects.fetch(run.pod) };
    const { refreshAtMs } = await volumes.mount(context);
    run.memory.volumes = { state: 'mounted', refreshAtMs: earlier(run, refreshAtMs) };
  } catch (error) {
    const message = messageOf(error);
    run.report({ type: 'Warning', reason: 'FailedMount', message });
    const nowMs = clock.nowMs();
    const failures = before.state === 'failed' ? before.failures + 1 : 1;
    const waitMs = Math.min(firstMountRetryMs * 2 ** (failures - 1), maxMountRetryMs);
    run.memory.volumes = wasMounted
      ? { state: 'mounted', refreshAtMs: nowMs + refreshRetryMs }
      : { state: 'failed', message, failures, retryAtMs: nowMs + waitMs };
  }
}

/** A change that came while the volumes were written asks for another round. */
function earlier(run: PodRun, refreshAtMs: number | undefined): number | undefined {
  const asked = run.memory.volumes.state === 'mounted' ? run.memory.volumes.refreshAtMs : undefined;
  if (asked === undefined || refreshAtMs === undefined) return asked ?? refreshAtMs;
  return Math.min(asked, refreshAtMs);
}
