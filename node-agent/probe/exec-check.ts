import { messageOf } from '../../base/invariant.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';
import type { CheckResult, ExecCheckRequest } from './probe-checks.ts';

/** Success when the command exits with 0 in time. */
export async function execCheck(
  runtime: Pick<ContainerRuntime, 'execSync'>,
  { containerId, command, timeoutMs }: ExecCheckRequest,
): Promise<CheckResult> {
  try {
    const result = await runtime.execSync(containerId, command, timeoutMs);
    if (result.timedOut)
      return {
        outcome: 'failure',
        message: `command timed out: "${command.join(' ')}" timed out after ${timeoutMs / 1000}s`,
      };
    const output = `${result.stdout.toString()}${result.stderr.toString()}`;
    return { outcome: result.exitCode === 0 ? 'success' : 'failure', message: output };
  } catch (error) {
    // The runtime could not run it: that says nothing of the container.
    return { outcome: 'unknown', message: messageOf(error) };
  }
}
