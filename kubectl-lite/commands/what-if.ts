import { usageError } from '../cli-error.ts';
import { type Command, fileFlags, type Invocation } from '../command.ts';
import type { Change } from '../placement/change.ts';
import { answerFormatFlag, answerPrinter, placementFlags } from '../placement/flags.ts';
import type { Snapshot } from '../placement/snapshot.ts';

const forms = `expected one of
  what-if node lost NAME...
  what-if node drained NAME...
  what-if node added cpu=8,memory=32Gi [--labels KEY=VALUE,...] [--taints KEY=VALUE:EFFECT,...] [--count N]
  what-if apply -f FILENAME
  what-if scale TYPE/NAME --replicas=COUNT`;

export const whatIfCommand: Command = {
  name: 'what-if',
  usage:
    'what-if (node lost NAME | node drained NAME | node added RESOURCES | apply -f FILENAME | scale TYPE/NAME)',
  summary: 'Forecast what would become of the pods; nothing is changed',
  flags: [
    ...fileFlags,
    answerFormatFlag,
    ...placementFlags,
    { name: 'replicas', kind: 'text', help: 'scale: the new number of replicas' },
    { name: 'labels', kind: 'text', help: 'node added: labels of the node, KEY=VALUE,...' },
    { name: 'taints', kind: 'text', help: 'node added: taints of the node, KEY=VALUE:EFFECT,...' },
    { name: 'count', kind: 'text', help: 'node added: how many of them, 1 unless said' },
  ],
  async run(invocation) {
    const { session, flags, args } = invocation;
    const print = await answerPrinter(flags);
    const ask = await questionOf(invocation, args[0]);
    const { readSnapshot } = await import('../placement/live-snapshot.ts');
    const { forecast } = await import('../placement/forecast.ts');
    const { forecastText } = await import('../placement/forecast-text.ts');
    const snapshot = await readSnapshot(session);
    const found = forecast(snapshot, await ask(snapshot));
    session.io.out(print(found, () => forecastText(found)));
    return undefined;
  },
};

type Question = (snapshot: Snapshot) => Change | Promise<Change>;

/** What is wrong with the words is said before anything is read. */
async function questionOf(invocation: Invocation, what: string | undefined): Promise<Question> {
  const { session, flags, args } = invocation;
  switch (what) {
    case 'node': {
      const { toNodeScenario } = await import('../placement/scenario.ts');
      const { nodeChange } = await import('../placement/node-change.ts');
      const [labels, taints, count] = [flags.text('labels'), flags.text('taints'), flags.number('count')];
      const scenario = toNodeScenario(args.slice(1), { labels, taints, count });
      const { readDaemonSets } = await import('../placement/live-change.ts');
      return async (snapshot) =>
        nodeChange(snapshot, scenario, scenario.kind === 'added' ? await readDaemonSets(session) : []);
    }
    case 'scale': {
      const { scaleChange } = await import('../placement/live-change.ts');
      return (snapshot) => scaleChange(invocation, snapshot);
    }
    case 'apply': {
      if (!flags.has('filename')) throw usageError('must specify -f');
      const { applyChange } = await import('../placement/live-change.ts');
      return (snapshot) => applyChange(invocation, snapshot);
    }
    default:
      throw usageError(forms);
  }
}
