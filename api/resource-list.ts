import type { Container, PodSpec } from './generated/core-v1.ts';
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  subtractQuantities,
} from './quantity.ts';

/** Amounts by resource name, exact. A name that is missing is not the same as one whose amount is zero. */
export type ResourceList = ReadonlyMap<string, Quantity>;

export const one: Quantity = { nanos: 1_000_000_000n, format: 'DecimalSI' };
const zero: Quantity = { nanos: 0n, format: 'DecimalSI' };

/** @throws QuantityError */
export function parseResourceList(list: Readonly<Record<string, string>> | undefined): ResourceList {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

/** With canonical texts. */
export function formatResourceList(list: ResourceList): Record<string, string> {
  return Object.fromEntries([...list].map(([name, amount]) => [name, formatQuantity(amount)]));
}

/** Names of either list. */
export function addResourceLists(left: ResourceList, right: ResourceList): ResourceList {
  return combined(left, right, addQuantities);
}

/** The greater of both, for the names of either list. */
export function greatestOf(left: ResourceList, right: ResourceList): ResourceList {
  return combined(left, right, (a, b) => (compareQuantities(a, b) >= 0 ? a : b));
}

function combined(
  left: ResourceList,
  right: ResourceList,
  combine: (left: Quantity, right: Quantity) => Quantity,
): ResourceList {
  if (right.size === 0) return left;
  if (left.size === 0) return right;
  const result = new Map(left);
  for (const [name, amount] of right) {
    const other = left.get(name);
    result.set(name, other === undefined ? amount : combine(other, amount));
  }
  return result;
}

/** How much `after` has more than `before`, never below zero; only what is more. */
export function increaseOf(after: ResourceList, before: ResourceList): ResourceList {
  const more = new Map<string, Quantity>();
  for (const [name, amount] of after) {
    const difference = subtractQuantities(amount, before.get(name) ?? zero);
    if (difference.nanos > 0n) more.set(name, difference);
  }
  return more;
}

/** Only the named ones. */
export function maskResourceList(list: ResourceList, names: Iterable<string>): ResourceList {
  const masked = new Map<string, Quantity>();
  for (const name of names) {
    const amount = list.get(name);
    if (amount !== undefined) masked.set(name, amount);
  }
  return masked;
}

/** Sorted names of `list` whose amount exceeds that of `hard`; what `hard` does not name has no limit. */
export function exceededNames(list: ResourceList, hard: ResourceList): string[] {
  const exceeded: string[] = [];
  for (const [name, amount] of list) {
    const limit = hard.get(name);
    if (limit !== undefined && compareQuantities(amount, limit) > 0) exceeded.push(name);
  }
  return exceeded.sort();
}

const isSidecar = ({ restartPolicy }: Container): boolean => restartPolicy === 'Always';
const isPodLevel = (name: string): boolean =>
  name === 'cpu' || name === 'memory' || name.startsWith('hugepages-');

/** Whether a pod says what it needs as a whole, whatever its containers say. */
export const hasPodLevelResources = ({ resources }: PodSpec): boolean =>
  Object.keys({ ...resources?.requests, ...resources?.limits }).some(isPodLevel);

/**
 * What a pod asks for (or is limited to) as a whole: the greater of what containers and sidecars need together and
 * what any init container needs beside the sidecars started before it. Amounts of the pod itself replace the sum.
 * @see KEP-753 (sidecars), KEP-2837 (pod-level resources)
 */
export function podResourceList(spec: PodSpec, kind: 'requests' | 'limits'): ResourceList {
  const listOf = ({ resources }: Container): ResourceList => parseResourceList(resources?.[kind]);
  let running: ResourceList = new Map();
  for (const container of spec.containers ?? []) running = addResourceLists(running, listOf(container));
  let sidecars: ResourceList = new Map();
  let starting: ResourceList = new Map();
  for (const container of spec.initContainers ?? []) {
    const own = listOf(container);
    if (isSidecar(container)) {
      running = addResourceLists(running, own);
      sidecars = addResourceLists(sidecars, own);
      starting = greatestOf(starting, sidecars);
    } else starting = greatestOf(starting, addResourceLists(own, sidecars));
  }
  const needed = greatestOf(running, starting);
  const whole = [...parseResourceList(spec.resources?.[kind])].filter(([name]) => isPodLevel(name));
  return whole.length === 0 ? needed : new Map([...needed, ...whole]);
}
