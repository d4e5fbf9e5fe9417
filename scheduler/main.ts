import { hostname } from 'node:os';
import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { secretHex, systemRandom } from '../base/random.ts';
import { createApiClient } from '../client/http-client.ts';
import { loadKubeconfig } from '../client/kubeconfig.ts';
import { parseSchedulerFlags, type SchedulerFlags, UsageError } from './options.ts';
import { runScheduler } from './scheduler.ts';

function flagsOrExit(): SchedulerFlags {
  try {
    return parseSchedulerFlags(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`scheduler: ${error.message}\n`);
    process.exit(2);
  }
}

const flags = flagsOrExit();
const logger = createLogger({ component: 'scheduler', level: flags.logLevel });

await runProgram(logger, async (signal) => {
  const client = createApiClient({
    config: await loadKubeconfig(flags.kubeconfig),
    clock: systemClock,
    random: systemRandom,
    logger,
    userAgent: 'coracle-scheduler',
  });
  const identity = flags.leaderElectIdentity ?? `${hostname()}_${secretHex(8)}`;
  await runScheduler(
    {
      client,
      clock: systemClock,
      random: systemRandom,
      logger,
      strategy: flags.strategy,
      identity: flags.leaderElect ? identity : undefined,
    },
    signal,
  );
  client.close();
});
