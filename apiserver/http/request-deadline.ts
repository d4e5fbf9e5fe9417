/** By when a request must be answered. @see https://pkg.go.dev/time#ParseDuration for the form of `timeout` */
import { badRequest, StatusError } from '../../api/status-error.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { RequestInfo } from './request-info.ts';

/** Every request that is not long-running is answered within it. */
export const requestTimeoutMs = 60_000;

const unitMs: Readonly<Record<string, number>> = {
  ...{ ns: 1e-6, us: 1e-3, µs: 1e-3, μs: 1e-3, ms: 1 },
  ...{ s: 1_000, m: 60_000, h: 3_600_000 },
};

const longRunning: ReadonlySet<string> = new Set(['exec', 'attach', 'portforward', 'proxy', 'log']);

/** What lasts as long as its client wants; a watch besides. */
export const isLongRunning = ({ subresource }: RequestInfo): boolean => longRunning.has(subresource);

/** Milliseconds of a duration as Go writes it. @throws Error in Go's words */
export function parseDuration(text: string): number {
  const invalid = (): Error => new Error(`time: invalid duration ${JSON.stringify(text)}`);
  const unsigned = text.replace(/^[+-]/, '');
  if (unsigned === '0') return 0;
  if (unsigned === '') throw invalid();
  let sum = 0;
  let rest = unsigned;
  while (rest !== '') {
    const [, number = '', unit = ''] = /^([0-9]*\.?[0-9]*)([^0-9.]*)/.exec(rest) ?? [];
    if (!/[0-9]/.test(number)) throw invalid();
    if (unit === '') throw new Error(`time: missing unit in duration ${JSON.stringify(text)}`);
    const ms = unitMs[unit];
    if (ms === undefined)
      throw new Error(`time: unknown unit ${JSON.stringify(unit)} in duration ${JSON.stringify(text)}`);
    sum += Number(number) * ms;
    rest = rest.slice(number.length + unit.length);
  }
  return text.startsWith('-') ? -sum : sum;
}

/** For how long the request may take; undefined: as long as it wants. @throws StatusError 400 */
export function timeAllowed(info: RequestInfo, query: URLSearchParams): number | undefined {
  if (info.verb === 'watch' || isLongRunning(info)) return undefined;
  const asked = query.size === 0 ? null : query.get('timeout');
  if (asked === null || asked === '') return requestTimeoutMs;
  try {
    const ms = parseDuration(asked);
    // None, or more than there is, is what everybody has.
    return ms > 0 ? Math.min(ms, requestTimeoutMs) : requestTimeoutMs;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw badRequest(`invalid timeout specified in the request URL - ${why}`);
  }
}

/** Calls `expire` once with the error to answer with, unless the timer is cancelled before. */
export function startDeadline(
  clock: Clock,
  allowedMs: number | undefined,
  expire: (error: StatusError) => void,
): Timer | undefined {
  if (allowedMs === undefined) return undefined;
  return clock.setTimer(allowedMs, () => expire(timedOut()), { unref: true });
}

function timedOut(): StatusError {
  return new StatusError({
    reason: 'Timeout',
    code: 504,
    message: 'Timeout: request did not complete within the allotted timeout',
    details: {},
  });
}
