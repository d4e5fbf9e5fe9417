/** `deploy/up`, `deploy/down`, `deploy/host`, `deploy/certs`, and the supervisor that they leave running. */
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { signalOfTermination } from '../base/process.ts';
import { systemRandom } from '../base/random.ts';
import { takeDown } from './down.ts';
import { runHostCommand } from './host-command.ts';
import { joinHost } from './join/join-host.ts';
import { leaveCluster } from './join/leave-host.ts';
import { layoutOf } from './layout.ts';
import { runCertsCommand, runRenewal } from './renewal.ts';
import { supervisorUnit } from './running.ts';
import { clusterName, parseOptions, settingsOf } from './settings.ts';
import { Supervisor } from './supervisor.ts';
import { recordPid } from './units.ts';
import { bringUp } from './up.ts';
import { UserError } from './user-error.ts';

async function supervise(args: readonly string[]): Promise<void> {
  const layout = layoutOf(clusterName(parseOptions('host', args).values));
  recordPid(layout, supervisorUnit, process.pid);
  const logger = createLogger({ component: 'supervisor' });
  const parts = { layout, clock: systemClock, random: systemRandom, logger };
  const signal = signalOfTermination();
  await Promise.all([new Supervisor(parts).run(signal), runRenewal(parts, signal)]);
}

async function run([command = '', ...args]: readonly string[]): Promise<void> {
  if (command === 'supervise') return supervise(args);
  if (command !== 'up' && command !== 'down' && command !== 'host' && command !== 'certs')
    throw new UserError(`unknown command "${command}"`, 2);
  const { values, operands } = parseOptions(command, args);
  const layout = layoutOf(clusterName(values));
  if (command === 'up') return bringUp(layout, settingsOf(values));
  if (command === 'down') return takeDown(layout, values['keep-data'] === true);
  if (command === 'certs') return runCertsCommand(layout, systemClock, operands);
  if (operands[0] === 'join') return joinHost(layout, systemClock, { values, operands: operands.slice(1) });
  if (operands[0] === 'leave') return leaveCluster(layout);
  return runHostCommand(layout, operands);
}

try {
  await run(process.argv.slice(2));
  process.exit(0);
} catch (error) {
  const exitCode = error instanceof UserError ? error.exitCode : 1;
  const text =
    error instanceof UserError
      ? error.message
      : error instanceof Error
        ? (error.stack ?? error.message)
        : String(error);
  process.stderr.write(`deploy/${process.argv[2]}: ${text}\n`);
  process.exit(exitCode);
}
