import { rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, delay } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { containerLogPath } from '../pod/container-config.ts';
import type { PodWorkers } from '../pod/pod-workers.ts';
import { podLogDirectory } from '../pod/sandbox-config.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';
import { rotatedPaths } from './log-files.ts';

export interface LogLimits {
  readonly maxBytes: number;
  /** The current file counts. */
  readonly maxFiles: number;
  /** Between two looks at all logs. */
  readonly periodMs: number;
}

export interface LogRotationOptions {
  readonly workers: PodWorkers;
  readonly runtime: Pick<ContainerRuntime, 'reopenContainerLog'>;
  readonly logRoot: string;
  readonly limits: LogLimits;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Moves logs that have grown large aside and keeps the newest few. */
export async function runLogRotation(options: LogRotationOptions, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await delay(options.clock, options.limits.periodMs, signal);
    for (const { pod, memory } of options.workers.all)
      for (const { id, name, attempt, state } of memory.containers) {
        if (state !== 'running' || signal.aborted) continue;
        const path = join(podLogDirectory(options.logRoot, pod), containerLogPath(name, attempt));
        await rotateOne(options, id, path);
      }
  }
}

/** Never throws. */
export async function rotateOne(
  { runtime, limits, clock, logger }: Omit<LogRotationOptions, 'workers' | 'logRoot'>,
  id: string,
  path: string,
): Promise<void> {
  try {
    const size = await sizeOf(path);
    if (size !== undefined && size < limits.maxBytes) return;
    if (size !== undefined) await rename(path, `${path}.${rotationSuffix(clock.nowMs())}`);
    // Moved aside by an agent that then died: the container still writes there.
    else if ((await rotatedPaths(path)).length === 0) return;
    await runtime.reopenContainerLog(id);
    await removeOldest(path, limits.maxFiles - 1);
  } catch (error) {
    // The next round tries again; a log that is too long harms nobody until then.
    logger.warn({ err: error, path }, 'rotate a log');
  }
}

/** Sorts by time: `20260102-030405.678`. */
export function rotationSuffix(epochMs: number): string {
  const [date = '', time = ''] = new Date(epochMs).toISOString().split('T');
  return `${date.replaceAll('-', '')}-${time.replaceAll(':', '').replace('Z', '')}`;
}

async function removeOldest(path: string, kept: number): Promise<void> {
  const rotated = await rotatedPaths(path);
  for (const old of rotated.slice(0, Math.max(0, rotated.length - kept))) await rm(old, { force: true });
}

/** Undefined when there is no file. */
async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
