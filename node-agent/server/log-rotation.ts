import { readdir, rename, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { type Clock, delay } from '../../base/clock.ts';
import { codeOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { containerLogPath } from '../pod/container-config.ts';
import type { PodWorkers } from '../pod/pod-workers.ts';
import { podLogDirectory } from '../pod/sandbox-config.ts';
import type { ContainerRuntime } from '../runtime/runtime.ts';

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

async function rotateOne(
  { runtime, limits, clock, logger }: LogRotationOptions,
  id: string,
  path: string,
): Promise<void> {
  try {
    if ((await sizeOf(path)) < limits.maxBytes) return;
    await rotateLog(path, rotationSuffix(clock.nowMs()), limits.maxFiles);
    await runtime.reopenContainerLog(id);
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

export async function rotateLog(path: string, suffix: string, maxFiles: number): Promise<void> {
  await rename(path, `${path}.${suffix}`);
  const directory = dirname(path);
  const rotated = (await readdir(directory)).filter((name) => name.startsWith(`${basename(path)}.`)).sort();
  for (const name of rotated.slice(0, Math.max(0, rotated.length - (maxFiles - 1))))
    await rm(join(directory, name), { force: true });
}

async function sizeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    // Nothing logged yet.
    if (codeOf(error) === 'ENOENT') return 0;
    throw error;
  }
}
