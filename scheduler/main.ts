import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { secretHex, systemRandom } from '../base/random.ts';
import { runWithClient } from '../client/followed-client.ts';
import { type ProfileConfiguration, readConfiguration } from './configuration.ts';
import { parseSchedulerFlags, type SchedulerFlags, UsageError } from './options.ts';
import { runScheduler } from './scheduler.ts';

interface Settings extends SchedulerFlags {
  readonly configured: readonly ProfileConfiguration[] | undefined;
}

function settingsOrExit(): Settings {
  try {
    const flags = parseSchedulerFlags(process.argv.slice(2));
    const { config } = flags;
    return { ...flags, configured: config === undefined ? undefined : readConfiguration(config) };
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`scheduler: ${error.message}\n`);
    process.exit(2);
  }
}

const flags = settingsOrExit();
const logger = createLogger({ component: 'scheduler', level: flags.logLevel });

const common = { clock: systemClock, random: systemRandom, logger };
const access = { ...common, kubeconfig: flags.kubeconfig, userAgent: 'coracle-scheduler' };
await runProgram(logger, (signal) =>
  runWithClient(access, signal, (client, until) => {
    const identity = flags.leaderElectIdentity ?? `${hostname()}_${secretHex(8)}`;
    const options = {
      ...common,
      client,
      strategy: flags.strategy,
      configured: flags.configured,
      metricsPort: flags.metricsPort === 0 ? undefined : flags.metricsPort,
      identity: flags.leaderElect ? identity : undefined,
    };
    return runScheduler(options, until);
  }),
);
