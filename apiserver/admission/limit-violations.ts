import type { LimitRangeItem } from '../../api/generated/core-v1.ts';
import { compareQuantities, formatQuantity, parseQuantity, type Quantity } from '../../api/quantity.ts';
import type { ResourceList } from '../../api/resource-list.ts';

/** What is asked for. A kind without limits (a claim) has its requests held against both bounds. */
export interface Asked {
  readonly requests: ResourceList;
  readonly limits?: ResourceList;
}

/** Pure: every bound of `item` that `asked` does not keep, in Kubernetes' words and in the order of names. */
export function limitViolations(item: LimitRangeItem, asked: Asked): string[] {
  const each = (
    bounds: Readonly<Record<string, string>> | undefined,
    judge: (bound: Bound) => string | undefined,
  ): string[] =>
    Object.entries(bounds ?? {})
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([name, text]) => {
        const request = asked.requests.get(name);
        const limit = asked.limits?.get(name);
        return judge({ name, type: item.type, text, enforced: parseQuantity(text), request, limit }) ?? [];
      });
  return [
    ...each(item.min, belowMin),
    ...each(item.max, asked.limits === undefined ? requestAboveMax : aboveMax),
    ...(asked.limits === undefined ? [] : each(item.maxLimitRequestRatio, aboveRatio)),
  ];
}

interface Bound {
  readonly name: string;
  readonly type: string;
  readonly text: string;
  readonly enforced: Quantity;
  readonly request: Quantity | undefined;
  readonly limit: Quantity | undefined;
}

const isLess = (amount: Quantity, bound: Quantity): boolean => compareQuantities(amount, bound) < 0;

function belowMin({ name, type, text, enforced, request, limit }: Bound): string | undefined {
  const rule = `minimum ${name} usage per ${type} is ${text}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (isLess(request, enforced)) return `${rule}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && isLess(limit, enforced)) return `${rule}, but limit is ${formatQuantity(limit)}`;
  return undefined;
}

function aboveMax({ name, type, text, enforced, request, limit }: Bound): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${text}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (isLess(enforced, limit)) return `${rule}, but limit is ${formatQuantity(limit)}`;
  if (request !== undefined && isLess(enforced, request))
    return `${rule}, but request is ${formatQuantity(request)}`;
  return undefined;
}

function requestAboveMax({ name, type, text, enforced, request }: Bound): string | undefined {
  const rule = `maximum ${name} usage per ${type} is ${text}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  return isLess(enforced, request) ? `${rule}, but request is ${formatQuantity(request)}` : undefined;
}

function aboveRatio({ name, type, text, enforced, request, limit }: Bound): string | undefined {
  const rule = `${name} max limit to request ratio per ${type} is ${text}, but`;
  if (request === undefined || request.nanos === 0n) return `${rule} no request is specified or request is 0`;
  if (limit === undefined || limit.nanos === 0n) return `${rule} no limit is specified or limit is 0`;
  // limit / request > enforced, without rounding; `enforced` is in units of 10^-9.
  if (limit.nanos * 1_000_000_000n <= enforced.nanos * request.nanos) return undefined;
  return `${rule} provided ratio is ${(Number(limit.nanos) / Number(request.nanos)).toFixed(6)}`;
}
