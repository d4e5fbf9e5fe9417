import type { Container, LifecycleHandler } from '../../api/generated/core-v1.ts';
import { delay } from '../../base/clock.ts';
import { resolvePort } from '../probe/probe-port.ts';
import { currentSandbox } from './plan-containers.ts';
import type { PodRun } from './pod-run.ts';

/** A postStart or preStop hook ended badly. */
export class HookError extends Error {
  readonly code = 'LIFECYCLE_HOOK';
}

export interface HookRequest {
  readonly hook: LifecycleHandler;
  readonly container: Container;
  readonly containerId: string;
  readonly run: PodRun;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/** @throws HookError */
export async function runHook(request: HookRequest): Promise<void> {
  const { hook, run, containerId, timeoutMs } = request;
  const { runtime, clock } = run.dependencies;
  if (hook.exec !== undefined) {
    const result = await runtime.execSync(containerId, hook.exec.command ?? [], timeoutMs);
    if (result.timedOut) throw new HookError(`the hook took longer than ${timeoutMs} ms`);
    if (result.exitCode !== 0) throw new HookError(`the hook's command exited with ${result.exitCode}`);
  }
  if (hook.sleep !== undefined)
    await delay(clock, Math.min(timeoutMs, hook.sleep.seconds * 1000), request.signal);
  if (hook.httpGet !== undefined) await getOverHttp(request);
}

async function getOverHttp({ hook, container, run, timeoutMs }: HookRequest): Promise<void> {
  const sandbox = currentSandbox(run.memory);
  const { checks, node } = run.dependencies;
  const address = sandbox?.hostNetwork === true ? node.facts().hostIps[0] : sandbox?.ips[0];
  if (hook.httpGet === undefined || address === undefined) throw new HookError('the pod has no address');
  const port = resolvePort(hook.httpGet.port, container);
  const result = await checks.httpGet({ action: { ...hook.httpGet, port }, address, timeoutMs });
  // A hook has been told when it answers, whatever it answers.
  if (result.outcome === 'failure' && result.httpStatus === undefined) throw new HookError(result.message);
}
