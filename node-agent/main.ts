import { systemClock } from '../base/clock.ts';
import { createLogger } from '../base/logger.ts';
import { runProgram } from '../base/process.ts';
import { systemRandom } from '../base/random.ts';
import { runWithClient } from '../client/followed-client.ts';
import { runAgent } from './agent.ts';
import { type AgentFlags, FlagError, parseAgentFlags } from './agent-flags.ts';
import { refuseEndedCertificate } from './certificates/ended-certificate.ts';
import { PingPace } from './ping-pace.ts';
import { kubeletVersion } from './status/node-status.ts';

const flags = flagsOrExit();
const logger = createLogger({ component: 'node-agent', level: flags.logLevel });
const common = { clock: systemClock, random: systemRandom, logger };
const pace = new PingPace();
const access = {
  ...{ ...common, kubeconfig: flags.kubeconfig, userAgent: `node-agent/${kubeletVersion}` },
  pingPeriodMs: pace.periodMs,
};
await runProgram(logger, async (signal) => {
  await refuseEndedCertificate(flags, systemClock);
  await runWithClient(access, signal, (client, until) => runAgent({ flags, client, pace, ...common }, until));
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
