/** What is asked about, in the words of the command line. Pure. */
import { usageError } from '../cli-error.ts';

export type NodeScenario =
  | { readonly kind: 'lost'; readonly node: string }
  | { readonly kind: 'drained'; readonly node: string }
  | {
      readonly kind: 'added';
      readonly resources: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
    };

const defaultPods = '110';

/** `lost NAME`, `drained NAME`, `added cpu=8,memory=32Gi`. @throws CliError */
export function toNodeScenario(words: readonly string[], labels: string | undefined): NodeScenario {
  const [what, operand, ...more] = words;
  if (what === undefined || operand === undefined || more.length > 0)
    throw usageError('expected node lost NAME, node drained NAME or node added cpu=8,memory=32Gi');
  switch (what) {
    case 'lost':
    case 'drained':
      return { kind: what, node: operand.replace(/^(node|nodes|no)\//, '') };
    case 'added': {
      const resources: Readonly<Record<string, string>> = { pods: defaultPods, ...pairsOf(operand) };
      if (resources['cpu'] === undefined || resources['memory'] === undefined)
        throw usageError('node added: cpu and memory are required, as in cpu=8,memory=32Gi');
      return { kind: 'added', resources, labels: labels === undefined ? {} : pairsOf(labels) };
    }
    default:
      throw usageError(`node ${what}: expected lost, drained or added`);
  }
}

function pairsOf(text: string): Readonly<Record<string, string>> {
  const pairs = text.split(',').map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    if (equals <= 0 || equals === pair.length - 1) throw usageError(`"${pair}": expected NAME=VALUE`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  return Object.fromEntries(pairs);
}
