import { usageError } from '../cli-error.ts';
import type { Command } from '../command.ts';
import { answerFormatFlag, answerPrinter, placementFlags } from '../placement/flags.ts';

export const rebalanceCommand: Command = {
  name: 'rebalance',
  usage: 'rebalance --plan',
  summary: 'Show which pods rebalancing would move, and the load of the nodes before and after',
  flags: [
    { name: 'plan', kind: 'boolean', help: 'Print the moves; nothing is changed' },
    answerFormatFlag,
    ...placementFlags,
  ],
  async run({ session, flags, args }) {
    if (args.length > 0) throw usageError(`rebalance: unexpected argument "${args[0]}"`);
    const print = await answerPrinter(flags);
    if (!flags.bool('plan'))
      throw usageError(
        "rebalance: only --plan is there; it is the scheduler that moves pods, when a profile's rebalancing is on",
      );
    const { readSnapshot } = await import('../placement/live-snapshot.ts');
    const { planRebalancing, rebalancingText } = await import('../placement/rebalancing.ts');
    const plan = planRebalancing(await readSnapshot(session));
    session.io.out(print(plan, () => rebalancingText(plan)));
    return undefined;
  },
};
