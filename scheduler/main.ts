import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { secretHex, systemRandom } from '../base/random.ts';
import { runWithClient } from '../client/followed-client.ts';
import { type ProfileConfiguration, readConfiguration, readRebalanceSettings } from './configuration.ts';
import { parseSchedulerFlags, type SchedulerFlags, UsageError } from './options.ts';
import { defaultRebalanceSettings, type RebalanceSettings } from './rebalance/mode.ts';
import { runScheduler } from './scheduler.ts';

interface Settings extends SchedulerFlags {
  readonly configured: readonly ProfileConfiguration[] | undefined;
  readonly rebalanceSettings: RebalanceSettings;
}

function settingsOrExit(): Settings {
  try {
    const flags = parseSchedulerFlags(process.argv.slice(2));
    const { config } = flags;
    if (config === undefined)
      return { ...flags, configured: undefined, rebalanceSettings: defaultRebalanceSettings };
    return {
      ...flags,
      configured: readConfiguration(config),
      rebalanceSettings: readRebalanceSettings(config),
    };
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
      rebalance: { mode: flags.rebalance, settings: flags.rebalanceSettings },
      metricsPort: flags.metricsPort === 0 ? undefined : flags.metricsPort,
      placement: flags.placement,
      identity: flags.leaderElect ? identity : undefined,
    };
    return runScheduler(options, until);
  }),
);
