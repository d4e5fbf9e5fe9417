import { systemClock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import { createLogger } from '../../base/logger.ts';
import { runProgram } from '../../base/process.ts';
import { systemRandom } from '../../base/random.ts';
import { type HollowFlags, parseHollowFlags } from './hollow-flags.ts';
import { runHollowNodes } from './hollow-nodes.ts';
import { readIdentities } from './identities-file.ts';

const flags = flagsOrExit();
const logger = createLogger({ component: 'hollow-nodes' });
await runProgram(logger, async (signal) => {
  const common = { clock: systemClock, random: systemRandom, logger };
  const identities = await readIdentities(flags.identities);
  await runHollowNodes({ ...common, flags, identities }, signal);
});

function flagsOrExit(): HollowFlags {
  try {
    return parseHollowFlags(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`hollow-nodes: ${messageOf(error)}\n`);
    process.exit(2);
  }
}
