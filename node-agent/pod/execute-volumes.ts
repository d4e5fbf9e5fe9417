import { messageOf } from '../../base/invariant.ts';
import type { PodRun } from './pod-run.ts';

const mountRetryMs = 2_000;
const refreshRetryMs = 10_000;

/** Mounts what is not mounted yet and writes anew what has changed. */
export async function mountVolumes(run: PodRun): Promise<void> {
  const { volumes, objects, node, clock } = run.dependencies;
  const wasMounted = run.memory.volumes.state === 'mounted';
  if (wasMounted) run.memory.volumes = { state: 'mounted', refreshAtMs: undefined };
  try {
    const context = { pod: run.pod, podIps: [], ...node.facts(), objects: await objects.fetch(run.pod) };
    const { refreshAtMs } = await volumes.mount(context);
    run.memory.volumes = { state: 'mounted', refreshAtMs: earlier(run, refreshAtMs) };
  } catch (error) {
    const message = messageOf(error);
    run.report({ type: 'Warning', reason: 'FailedMount', message });
    const nowMs = clock.nowMs();
    run.memory.volumes = wasMounted
      ? { state: 'mounted', refreshAtMs: nowMs + refreshRetryMs }
      : { state: 'failed', message, retryAtMs: nowMs + mountRetryMs };
  }
}

/** A change that came while the volumes were written asks for another round. */
function earlier(run: PodRun, refreshAtMs: number | undefined): number | undefined {
  const asked = run.memory.volumes.state === 'mounted' ? run.memory.volumes.refreshAtMs : undefined;
  if (asked === undefined || refreshAtMs === undefined) return asked ?? refreshAtMs;
  return Math.min(asked, refreshAtMs);
}
