import { systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import { createLogger } from '../../base/logger.ts';
import { runProgram } from '../../base/process.ts';
import { systemRandom } from '../../base/random.ts';
import { createApiClient } from '../../client/http-client.ts';
import { loadKubeconfig } from '../../client/kubeconfig.ts';
import { type HollowFlags, parseHollowFlags } from './hollow-flags.ts';
import { runHollowNodes } from './hollow-nodes.ts';

const flags = flagsOrExit();
const logger = createLogger({ component: 'hollow-nodes' });
await runProgram(logger, async (signal) => {
  const common = { clock: systemClock, random: systemRandom, logger };
  const config = await loadKubeconfig(flags.kubeconfig);
  const client = createApiClient({ ...common, config, userAgent: 'coracle-hollow' });
  await runHollowNodes({ ...common, flags, client }, signal);
  client.close();
});

function flagsOrExit(): HollowFlags {
  try {
    return parseHollowFlags(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`hollow-nodes: ${messageOf(error)}\n`);
    process.exit(2);
  }
}
