import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Clock, systemClock } from '../base/clock.ts';
import { cgroupPath, processesIn, processTableOf, removeCgroup, removeSharedCgroup } from './cgroups.ts';
import type { Layout } from './layout.ts';
import { Progress } from './progress.ts';
import { supervisorUnit } from './running.ts';
import { readHosts } from './simulated-host.ts';
import { signalProcess } from './supervisor.ts';
import { refuseForeignCluster, removeUnderlay } from './underlay.ts';
import { processStartTime, readUnits, removeUnit, runningPid } from './units.ts';
import { waitUntil } from './wait.ts';

const deadlineMs = 20_000;

/**
 * Takes everything away, also what a crashed `up` left half made: nothing here relies on records alone. Processes are
 * found through the cluster's cgroups, links and namespaces by name.
 */
export async function takeDown(layout: Layout, keepData: boolean): Promise<void> {
  const clock = systemClock;
  const progress = new Progress(clock);
  await refuseForeignCluster(layout);
  // First the units: the supervisor starts nothing again, and reaps what is killed now.
  for (const name of readUnits(layout).keys()) removeUnit(layout, name);
  await killGroup(layout, clock);
  await stopSupervisor(layout, clock);
  await killGroup(layout, clock);
  await removeUnderlay(layout);
  await waitUntil(clock, 'cgroups are still in use', deadlineMs, async () => {
    const busy = removeCgroup(cgroupPath(layout.name));
    if (busy.length > 0) throw new Error(busy.join(', '));
  });
  removeSharedCgroup();
  if (keepData) removeVolatile(layout);
  else rmSync(layout.state, { recursive: true, force: true });
  progress.step(`cluster ${layout.name} is down${keepData ? `; its data stays in ${layout.state}` : ''}`);
}

/** Kills it outright: nothing is left that it could end in an orderly way. */
async function stopSupervisor(layout: Layout, clock: Clock): Promise<void> {
  const pid = runningPid(layout, supervisorUnit);
  if (pid === undefined) return;
  const startTime = processStartTime(pid);
  signalProcess(pid, 'SIGKILL');
  await waitUntil(clock, `supervisor ${pid} does not end`, deadlineMs, async () => {
    if (processStartTime(pid) === startTime || existsSync(`/proc/${pid}`))
      throw new Error('it is still there');
  });
}

/** Until none is left: a process that was just being started when the supervisor died shows up a moment later. */
async function killGroup(layout: Layout, clock: Clock): Promise<void> {
  await waitUntil(clock, 'processes of the cluster do not end', deadlineMs, async () => {
    const left = processesIn(cgroupPath(layout.name));
    for (const pid of left) signalProcess(pid, 'SIGKILL');
    const table = processTableOf(cgroupPath(layout.name));
    if (left.length + table.length > 0) throw new Error(`pids ${[...left, ...table].join(', ')}`);
  });
}

/** What a later `up` makes anew: processes, logs, and the hosts' inits. */
function removeVolatile(layout: Layout): void {
  for (const directory of [layout.run, layout.logs, layout.units])
    rmSync(directory, { recursive: true, force: true });
  if (existsSync(layout.state) && readHosts(layout).length === 0 && readdirSync(layout.state).length === 0)
    rmSync(join(layout.state), { recursive: true });
}
