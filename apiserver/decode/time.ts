const rfc3339 = /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:[.,](\d+))?(Z|z|[+-]\d{2}:\d{2})$/;

/** Text that is no RFC 3339 time; the message is Go's. */
export class TimeError extends Error {
  readonly code = 'INVALID_TIME';
}

interface ParsedTime {
  /** Whole seconds, in UTC, without a suffix: `2026-01-02T03:04:05`. */
  readonly seconds: string;
  readonly fraction: string;
}

const canonical = /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\dZ$/;

const canonicalMicro =
  /^\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{6}Z$/;

function refuse(text: string, layout: string, rest: string, expected: string): never {
  throw new TimeError(
    `parsing time ${JSON.stringify(text)} as "${layout}": cannot parse ${JSON.stringify(rest)} as "${expected}"`,
  );
}

/** Tells where the text leaves the layout, roughly as Go does. */
function refuseAt(text: string, layout: string): never {
  const parts: readonly (readonly [RegExp, string])[] = [
    [/^\d{4}/, '2006'],
    [/^-/, '-'],
    [/^\d{2}/, '01'],
    [/^-/, '-'],
    [/^\d{2}/, '02'],
    [/^T/, 'T'],
    [/^\d{2}/, '15'],
    [/^:/, ':'],
    [/^\d{2}/, '04'],
    [/^:/, ':'],
    [/^\d{2}(?:\.\d+)?/, '05'],
    [/^(?:Z|[+-]\d{2}:\d{2})/, 'Z07:00'],
  ];
  let rest = text;
  for (const [pattern, expected] of parts) {
    const match = pattern.exec(rest);
    if (match === null) refuse(text, layout, rest, expected);
    rest = rest.slice(match[0].length);
  }
  throw new TimeError(`parsing time ${JSON.stringify(text)}: extra text: ${JSON.stringify(rest)}`);
}

function parse(text: string, layout: string): ParsedTime {
  const match = rfc3339.exec(text);
  if (match === null) refuseAt(text, layout);
  const [, year, month, day, hour, minute, second, fraction = '', zone = 'Z'] = match;
  const millis = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone.toUpperCase()}`);
  const dayOfMonth = new Date(Date.UTC(Number(year), Number(month) - 1, Number(day))).getUTCDate();
  if (Number.isNaN(millis)) throw new TimeError(`parsing time ${JSON.stringify(text)}: out of range`);
  if (dayOfMonth !== Number(day))
    throw new TimeError(`parsing time ${JSON.stringify(text)}: day out of range`);
  return { seconds: new Date(millis).toISOString().slice(0, 19), fraction };
}

/** meta/v1 Time: seconds, UTC. @throws TimeError */
export function canonicalTime(text: string): string {
  if (canonical.test(text)) return text;
  return `${parse(text, '2006-01-02T15:04:05Z07:00').seconds}Z`;
}

/** meta/v1 MicroTime: six decimals, UTC. @throws TimeError */
export function canonicalMicroTime(text: string): string {
  if (canonicalMicro.test(text)) return text;
  const { seconds, fraction } = parse(text, '2006-01-02T15:04:05.000000Z07:00');
  return `${seconds}.${fraction.slice(0, 6).padEnd(6, '0')}Z`;
}
