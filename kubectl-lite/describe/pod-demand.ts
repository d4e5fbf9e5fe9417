import type { Container, PodSpec } from '../../api/generated/core-v1.ts';
import { addQuantities, compareQuantities, parseQuantity, type Quantity } from '../../api/quantity.ts';

type Amounts = ReadonlyMap<string, Quantity>;

/** What a pod asks of its node. */
export interface Demand {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

const nothing: Quantity = { nanos: 0n, format: 'DecimalSI' };

export function amountOf(amounts: Amounts | undefined, name: string): Quantity {
  return amounts?.get(name) ?? nothing;
}

export function sumOf(list: readonly Amounts[]): Amounts {
  const sum = new Map<string, Quantity>();
  for (const amounts of list)
    for (const [name, amount] of amounts) sum.set(name, addQuantities(sum.get(name) ?? nothing, amount));
  return sum;
}

/** Per cent, rounded down, of `whole`; CPU counts in thousandths, the rest in whole units. */
export function shareOf(amount: Quantity, name: string, whole: string | undefined): bigint {
  const unit = name === 'cpu' ? 1_000_000n : 1_000_000_000n;
  const roundedUp = ({ nanos }: Quantity): bigint => (nanos + unit - 1n) / unit;
  const all = whole === undefined ? 0n : roundedUp(parseQuantity(whole));
  return all === 0n ? 0n : (roundedUp(amount) * 100n) / all;
}

/**
 * The greater of what its containers and sidecars ask together and what any init container asks beside the sidecars
 * before it; what is said of the pod as a whole replaces that; overhead comes on top.
 * @see KEP-753 (sidecars), KEP-2837 (pod-level resources)
 */
export function demandOf(spec: PodSpec | undefined): Demand {
  return { requests: amountsOf(spec, 'requests'), limits: amountsOf(spec, 'limits') };
}

function amountsOf(spec: PodSpec | undefined, side: 'requests' | 'limits'): Amounts {
  const of = (container: Container): Amounts => parsed(container.resources?.[side]);
  let sidecars: Amounts = new Map();
  let peak: Amounts = new Map();
  for (const container of spec?.initContainers ?? []) {
    const beside = sumOf([sidecars, of(container)]);
    if (container.restartPolicy === 'Always') sidecars = beside;
    peak = greaterOf(peak, beside);
  }
  const together = sumOf([...(spec?.containers ?? []).map(of), sidecars]);
  const asked = new Map([...greaterOf(together, peak), ...parsed(spec?.resources?.[side])]);
  const overhead = parsed(spec?.overhead);
  // Overhead counts towards a limit only where there is one.
  const counted = [...overhead].filter(([name]) => side === 'requests' || asked.has(name));
  return sumOf([asked, new Map(counted)]);
}

function parsed(list: Readonly<Record<string, string>> | undefined): Amounts {
  return new Map(Object.entries(list ?? {}).map(([name, text]) => [name, parseQuantity(text)]));
}

function greaterOf(left: Amounts, right: Amounts): Amounts {
  const greater = new Map(left);
  for (const [name, amount] of right)
    if (compareQuantities(amount, amountOf(left, name)) > 0 || !left.has(name)) greater.set(name, amount);
  return greater;
}
