import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '../base/clock.ts';
import { cgroupPath, createCgroup } from './cgroups.ts';
import type { Layout } from './layout.ts';
import { programCommand, serverGroup } from './server-units.ts';
import { logFile, runningPid } from './units.ts';
import { waitUntil } from './wait.ts';

export const supervisorUnit = 'supervisor-1';

/** Starts the supervisor in the background, unless it runs. */
export async function ensureSupervisor(layout: Layout, clock: Clock): Promise<void> {
  for (const directory of [layout.run, layout.logs, layout.units]) mkdirSync(directory, { recursive: true });
  createCgroup(cgroupPath(layout.name, serverGroup));
  if (runningPid(layout, supervisorUnit) !== undefined) return;
  const log = openSync(logFile(layout, supervisorUnit), 'a');
  const command = [...programCommand(layout, 'deploy', {}), 'supervise', `--name=${layout.name}`];
  const child = spawn(command[0] ?? '', command.slice(1), {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: layout.root,
  });
  closeSync(log);
  child.unref();
  await waitUntil(
    clock,
    `supervisor does not start (see ${join(layout.logs, `${supervisorUnit}.log`)})`,
    10_000,
    async () => {
      if (runningPid(layout, supervisorUnit) === undefined)
        throw new Error('it has not written its pid file');
    },
  );
}
