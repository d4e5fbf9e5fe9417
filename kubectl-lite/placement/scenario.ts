/** What is asked about, in the words of the command line. Pure. */
import type { Taint } from '../../api/generated/core-v1.ts';
import { parseQuantity } from '../../api/quantity.ts';
import { usageError } from '../cli-error.ts';

export type NodeScenario =
  | { readonly kind: 'lost' | 'drained'; readonly nodes: readonly string[] }
  | {
      readonly kind: 'added';
      readonly count: number;
      readonly resources: Readonly<Record<string, string>>;
      readonly labels: Readonly<Record<string, string>>;
      readonly taints: readonly Taint[];
    };

/** Of the nodes that are added. */
export interface AddedFlags {
  readonly labels?: string | undefined;
  readonly taints?: string | undefined;
  readonly count?: number | undefined;
}

const defaultPods = '110';
const maxAdded = 1_000;
const plainResources: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage', 'pods']);
const effects: ReadonlySet<string> = new Set(['NoSchedule', 'PreferNoSchedule', 'NoExecute']);

/** A label's key, a taint's key or a resource: an optional DNS name, and a name of 63 characters at most. */
const qualifiedName =
  /^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/;
const labelValue = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** `lost NAME...`, `drained NAME...`, `added cpu=8,memory=32Gi`. @throws CliError */
export function toNodeScenario(words: readonly string[], flags: AddedFlags = {}): NodeScenario {
  const [what, ...operands] = words;
  const [operand] = operands;
  if (what !== undefined && !['lost', 'drained', 'added'].includes(what))
    throw usageError(`node ${what}: expected lost, drained or added`);
  if (what === undefined || operand === undefined || (what === 'added' && operands.length > 1))
    throw usageError('expected node lost NAME, node drained NAME or node added cpu=8,memory=32Gi');
  if (what === 'lost' || what === 'drained') {
    const nodes = operands.map((name) => name.replace(/^(node|nodes|no)\//, ''));
    return { kind: what, nodes: [...new Set(nodes)] };
  }
  const { labels, taints, count = 1 } = flags;
  if (count < 1 || count > maxAdded)
    throw usageError(`node added: --count is 1 to ${maxAdded}, not ${count}`);
  return {
    ...{ kind: 'added', count, resources: { pods: defaultPods, ...resourcesOf(operand) } },
    labels: labels === undefined ? {} : labelsOf(labels),
    taints: taints === undefined ? [] : taints.split(',').map(toTaint),
  };
}

function resourcesOf(text: string): Readonly<Record<string, string>> {
  const resources: Readonly<Record<string, string>> = Object.fromEntries(pairsOf(text));
  for (const [name, amount] of Object.entries(resources)) {
    const isNamed = plainResources.has(name) || name.startsWith('hugepages-') || name.includes('/');
    if (!isNamed || !qualifiedName.test(name))
      throw usageError(
        `node added: "${name}" is no resource: expected ${[...plainResources].join(', ')} or one like example.com/gpu`,
      );
    if (!isAmount(amount))
      throw usageError(`node added: ${name}="${amount}" is no amount: expected one like 8, 500m or 32Gi`);
  }
  if (resources['cpu'] === undefined || resources['memory'] === undefined)
    throw usageError('node added: cpu and memory are required, as in cpu=8,memory=32Gi');
  return resources;
}

/** A quantity, and not below zero. */
function isAmount(text: string): boolean {
  if (text.startsWith('-')) return false;
  try {
    parseQuantity(text);
    return true;
  } catch {
    // Not a quantity: the caller says which.
    return false;
  }
}

function labelsOf(text: string): Readonly<Record<string, string>> {
  const pairs = pairsOf(text);
  for (const [key, value] of pairs)
    if (!qualifiedName.test(key) || !labelValue.test(value))
      throw usageError(`node added: "${key}=${value}" is no label`);
  return Object.fromEntries(pairs);
}

/** `KEY=VALUE:EFFECT` or `KEY:EFFECT`, as `kubectl taint` takes it. */
function toTaint(text: string): Taint {
  const [, key = '', value, effect = ''] = /^([^=:]+)(?:=([^:]*))?:(\w+)$/.exec(text) ?? [];
  if (!qualifiedName.test(key) || !labelValue.test(value ?? '') || !effects.has(effect))
    throw usageError(
      `node added: "${text}" is no taint: expected KEY=VALUE:EFFECT, the effect one of ${[...effects].join(', ')}`,
    );
  return { key, ...(value === undefined ? {} : { value }), effect };
}

function pairsOf(text: string): readonly (readonly [string, string])[] {
  return text.split(',').map((pair): [string, string] => {
    const equals = pair.indexOf('=');
    if (equals <= 0 || equals === pair.length - 1) throw usageError(`"${pair}": expected NAME=VALUE`);
    return [pair.slice(0, equals), pair.slice(equals + 1)];
  });
}
