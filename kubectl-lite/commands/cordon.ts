import type { AnyObject } from '../../api/kind-info.ts';
import { describeFailure, usageError } from '../cli-error.ts';
import { type Command, dryRunFlag, type Invocation, selectorFlag } from '../command.ts';
import { dryRunOf, dryRunSuffix } from '../dry-run.ts';
import { nodesOf, setUnschedulable } from '../node-scheduling.ts';

export const cordonCommand: Command = scheduling('cordon', 'Mark node as unschedulable', true);
export const uncordonCommand: Command = scheduling('uncordon', 'Mark node as schedulable', false);

function scheduling(name: string, summary: string, unschedulable: boolean): Command {
  return {
    name,
    usage: `${name} NODE`,
    summary,
    flags: [selectorFlag, dryRunFlag],
    async run(invocation) {
      if (invocation.args.length === 0 && !invocation.flags.has('selector'))
        throw usageError(`USAGE: ${name} NODE [flags]\nSee 'kubectl-lite ${name} -h' for help and examples`);
      const nodes = await nodesOf(invocation.session, invocation.args, invocation.flags.text('selector'));
      let failed = false;
      for (const node of nodes) failed = !(await changeOne(invocation, node, name, unschedulable)) || failed;
      return failed ? 1 : undefined;
    },
  };
}

async function changeOne(
  { session, flags }: Invocation,
  node: AnyObject,
  name: string,
  unschedulable: boolean,
): Promise<boolean> {
  const dryRun = dryRunOf(flags, session.io);
  try {
    const changed = await setUnschedulable(session, node, unschedulable, dryRun);
    session.io.out(
      `node/${node.metadata.name} ${changed ? '' : 'already '}${name}ed${dryRunSuffix(dryRun)}\n`,
    );
    return true;
  } catch (error) {
    session.io.err(`error: unable to ${name} node "${node.metadata.name}": ${describeFailure(error)}\n`);
    return false;
  }
}
