import { systemClock } from '../../base/clock.ts';
import { runCommandLine } from '../../kubectl-lite/run.ts';

/** What a command wrote to both outputs, and its exit code. */
export interface CommandOutcome {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

/** Runs kubectl-lite in this process. */
export async function runKubectlLite(kubeconfig: string, args: readonly string[]): Promise<CommandOutcome> {
  let [out, err] = ['', ''];
  const io = {
    out: (text: string) => {
      out += text;
    },
    err: (text: string) => {
      err += text;
    },
  };
  const code = await runCommandLine([...args], {
    io,
    clock: systemClock,
    environment: { KUBECONFIG: kubeconfig },
    projectRoot: undefined,
    signal: new AbortController().signal,
  });
  return { out, err, code };
}
