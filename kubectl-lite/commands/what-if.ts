import { usageError } from '../cli-error.ts';
import { type Command, fileFlags, type Invocation, outputFlag } from '../command.ts';
import { placementFlags } from '../placement/flags.ts';
import type { Change } from '../placement/forecast.ts';
import type { Snapshot } from '../placement/snapshot.ts';

const forms = `expected one of
  what-if node lost NAME
  what-if node drained NAME
  what-if node added cpu=8,memory=32Gi [--labels KEY=VALUE,...]
  what-if apply -f FILENAME
  what-if scale TYPE/NAME --replicas=COUNT`;

export const whatIfCommand: Command = {
  name: 'what-if',
  usage:
    'what-if (node lost NAME | node drained NAME | node added RESOURCES | apply -f FILENAME | scale TYPE/NAME)',
  summary: 'Forecast what would become of the pods; nothing is changed',
  flags: [
    ...fileFlags,
    outputFlag,
    ...placementFlags,
    { name: 'replicas', kind: 'text', help: 'scale: the new number of replicas' },
    { name: 'labels', kind: 'text', help: 'node added: labels of the node, KEY=VALUE,...' },
  ],
  async run(invocation) {
    const { session, flags, args } = invocation;
    const format = flags.text('output') ?? '';
    if (format !== '' && format !== 'json') throw usageError(`what-if: -o is json, not "${format}"`);
    const ask = await questionOf(invocation, args[0]);
    const { readSnapshot } = await import('../placement/live-snapshot.ts');
    const { forecast } = await import('../placement/forecast.ts');
    const { forecastText } = await import('../placement/forecast-text.ts');
    const snapshot = await readSnapshot(session);
    const found = forecast(snapshot, await ask(snapshot));
    session.io.out(format === 'json' ? `${JSON.stringify(found, undefined, 4)}\n` : forecastText(found));
    return undefined;
  },
};

type Question = (snapshot: Snapshot) => Change | Promise<Change>;

/** What is wrong with the words is said before anything is read. */
async function questionOf(invocation: Invocation, what: string | undefined): Promise<Question> {
  const { flags, args } = invocation;
  switch (what) {
    case 'node': {
      const { toNodeScenario } = await import('../placement/scenario.ts');
      const { nodeChange } = await import('../placement/node-change.ts');
      const scenario = toNodeScenario(args.slice(1), flags.text('labels'));
      return (snapshot) => nodeChange(snapshot, scenario);
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
