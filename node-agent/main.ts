import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { systemRandom } from '../base/random.ts';
import { createApiClient } from '../client/http-client.ts';
import { loadKubeconfig } from '../client/kubeconfig.ts';
import { runAgent } from './agent.ts';
import { type AgentFlags, FlagError, parseAgentFlags } from './agent-flags.ts';
import { kubeletVersion } from './status/node-status.ts';

const flags = flagsOrExit();
const logger = createLogger({ component: 'node-agent', level: flags.logLevel });
await runProgram(logger, async (signal) => {
  const client = createApiClient({
    config: await loadKubeconfig(flags.kubeconfig),
    clock: systemClock,
    logger,
    userAgent: `node-agent/${kubeletVersion}`,
  });
  await runAgent({ flags, client, clock: systemClock, random: systemRandom, logger }, signal);
  client.close();
});

function flagsOrExit(): AgentFlags {
  try {
    return parseAgentFlags(process.argv.slice(2));
  } catch (error) {
    if (!(error instanceof FlagError)) throw error;
    process.stderr.write(`node-agent: ${error.message}\n`);
    process.exit(2);
  }
}
