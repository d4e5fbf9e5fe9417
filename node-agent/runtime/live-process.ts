import { readFileSync } from 'node:fs';

/** A process and when it started, so that another one with the same number is not taken for it. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks since boot. @see proc_pid_stat(5), field 22 */
  readonly startTicks: number;
}

export function identifyProcess(pid: number): ProcessIdentity | undefined {
  const fields = statFields(pid);
  return fields === undefined ? undefined : { pid, startTicks: Number(fields[19]) };
}

/** Whether that very process still runs. A zombie has ended: it only waits for its parent to look. */
export function isAlive(identity: ProcessIdentity): boolean {
  const fields = statFields(identity.pid);
  if (fields === undefined || Number(fields[19]) !== identity.startTicks) return false;
  return fields[0] !== 'Z' && fields[0] !== 'X';
}

/** Fields from the third (state) on: the second, the name, may contain anything, parentheses too. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    // ENOENT or ESRCH: it has ended.
    return undefined;
  }
}
