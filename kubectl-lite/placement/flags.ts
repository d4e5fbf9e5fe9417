import { usageError } from '../cli-error.ts';
import type { FlagSpec, Flags } from '../flags.ts';

/** How the scheduler in question is set up, where it is not as `deploy/up` starts it. */
export const placementFlags: readonly FlagSpec[] = [
  {
    name: 'strategy',
    kind: 'text',
    fallback: 'least-loaded',
    help: "The scheduler's --strategy: least-loaded, round-robin or random",
  },
  { name: 'scheduler-config', kind: 'text', help: "The scheduler's configuration file (--config)" },
];

export const answerFormatFlag: FlagSpec = {
  name: 'output',
  short: 'o',
  kind: 'text',
  help: 'json or yaml; words unless said',
};

/** Turns an answer into what is asked for: data, or else the words. @throws CliError */
export async function answerPrinter(flags: Flags): Promise<(data: object, words: () => string) => string> {
  const format = flags.text('output') ?? '';
  switch (format) {
    case '':
      return (_data, words) => words();
    case 'json':
      return (data) => `${JSON.stringify(data, undefined, 4)}\n`;
    case 'yaml': {
      const { toYaml } = await import('../yaml-text.ts');
      return (data) => toYaml(JSON.parse(JSON.stringify(data)));
    }
    default:
      throw usageError(`-o is json or yaml, not "${format}"`);
  }
}
