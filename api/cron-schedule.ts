/**
 * Schedules of CronJobs: five fields of standard cron, a descriptor as `@daily`, or `@every 1h30m`.
 *
 * `next` walks instants, not wall times: a time that a change of the clock skips does not happen, and one that the change
 * repeats happens twice. Each step costs one look at the zone's offset; a schedule that never happens (30 February) is
 * given up after five years.
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/#schedule-syntax
 */
export interface CronSchedule {
  /** The first time after `afterMs` (both wall time in milliseconds); undefined when there is none. */
  next(afterMs: number): number | undefined;
}

/** Text that is no schedule; the message says why, in Kubernetes' words. */
export class CronScheduleError extends Error {
  readonly code = 'INVALID_CRON_SCHEDULE';

  constructor(message: string) {
    super(message);
    this.name = 'CronScheduleError';
  }
}

interface FieldBounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

interface Field {
  readonly values: ReadonlySet<number>;
  /** Whether it was written as `*`: then of the two fields for days the other one decides. */
  readonly isOpen: boolean;
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const bounds: readonly FieldBounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: monthNames },
  { min: 0, max: 6, names: dayNames },
];
const descriptors: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const givenUpAfterMs = 5 * 366 * dayMs;

/**
 * @param timeZone a name of the time zone database; UTC when left out
 * @throws CronScheduleError
 */
export function parseCronSchedule(text: string, timeZone = 'UTC'): CronSchedule {
  if (text.startsWith('@every ')) return every(text);
  const fields = text.startsWith('@') ? descriptors[text] : text;
  if (fields === undefined) throw new CronScheduleError(`unrecognized descriptor: ${text}`);
  const parts = fields.split(/\s+/).filter((part) => part !== '');
  if (parts.length !== bounds.length)
    throw new CronScheduleError(`expected exactly 5 fields, found ${parts.length}: [${parts.join(' ')}]`);
  return new FieldSchedule(
    parts.map((part, i) => parseField(part, bounds[i] ?? { min: 0, max: 0, names: [] })),
    timeZone,
  );
}

const unitMs: Readonly<Record<string, number>> = {
  ...{ h: hourMs, m: minuteMs, s: 1_000, ms: 1, us: 0.001, µs: 0.001, ns: 0.000_001 },
};

function every(text: string): CronSchedule {
  const duration = text.slice('@every '.length);
  if (!/^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/.test(duration))
    throw new CronScheduleError(`unrecognized descriptor: ${text}`);
  const parts = duration.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g);
  const sum = [...parts].reduce(
    (total, [, count, unit = '']) => total + Number(count) * (unitMs[unit] ?? 0),
    0,
  );
  const periodMs = Math.max(1_000, Math.floor(sum / 1_000) * 1_000);
  return { next: (afterMs) => Math.floor(afterMs / 1_000) * 1_000 + periodMs };
}

function parseField(text: string, limits: FieldBounds): Field {
  const ranges = text.split(',').map((range) => parseRange(range, limits));
  return {
    values: new Set(ranges.flatMap(({ values }) => [...values])),
    isOpen: ranges.some(({ isOpen }) => isOpen),
  };
}

function parseRange(range: string, limits: FieldBounds): Field {
  const [span = '', stepText, extra] = range.split('/');
  if (extra !== undefined) throw new CronScheduleError(`too many slashes: ${range}`);
  const step = stepText === undefined ? 1 : parseNumber(stepText, { min: 0, max: 0, names: [] });
  const isStar = span === '*' || span === '?';
  const [low = '', high, more] = isStar ? [] : span.split('-');
  if (more !== undefined) throw new CronScheduleError(`too many hyphens: ${range}`);
  const first = isStar ? limits.min : parseNumber(low, limits);
  const single = stepText === undefined ? first : limits.max;
  const last = isStar ? limits.max : high === undefined ? single : parseNumber(high, limits);
  if (first < limits.min)
    throw new CronScheduleError(`beginning of range (${first}) below minimum (${limits.min}): ${range}`);
  if (last > limits.max)
    throw new CronScheduleError(`end of range (${last}) above maximum (${limits.max}): ${range}`);
  if (first > last)
    throw new CronScheduleError(`beginning of range (${first}) beyond end of range (${last}): ${range}`);
  if (step === 0) throw new CronScheduleError(`step of range should be a positive number: ${range}`);
  const values = new Set<number>();
  for (let value = first; value <= last; value += step) values.add(value);
  return { values, isOpen: isStar && step === 1 };
}

function parseNumber(text: string, { min, names }: FieldBounds): number {
  const named = names.indexOf(text.toLowerCase());
  if (named >= 0) return named + min;
  if (/^\d+$/.test(text)) return Number(text);
  throw new CronScheduleError(
    `failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

class FieldSchedule implements CronSchedule {
  readonly #minutes: Field;
  readonly #hours: Field;
  readonly #days: Field;
  readonly #months: Field;
  readonly #weekdays: Field;
  readonly #zone: Zone;

  constructor(fields: readonly Field[], timeZone: string) {
    const none: Field = { values: new Set(), isOpen: false };
    const [minutes = none, hours = none, days = none, months = none, weekdays = none] = fields;
    this.#minutes = minutes;
    this.#hours = hours;
    this.#days = days;
    this.#months = months;
    this.#weekdays = weekdays;
    this.#zone = new Zone(timeZone);
  }

  next(afterMs: number): number | undefined {
    let atMs = (Math.floor(afterMs / minuteMs) + 1) * minuteMs;
    const endMs = afterMs + givenUpAfterMs;
    while (atMs < endMs) {
      const laterMs = this.#earliestAfterMismatch(atMs);
      if (laterMs === undefined) return atMs;
      atMs = laterMs;
    }
    return undefined;
  }

  /** @returns undefined when `atMs` fits; else the next instant that might */
  #earliestAfterMismatch(atMs: number): number | undefined {
    const wall = new Date(this.#zone.toWallMs(atMs));
    const [year, month, day] = [wall.getUTCFullYear(), wall.getUTCMonth(), wall.getUTCDate()];
    if (!this.#months.values.has(month + 1)) return this.#zone.startOf(Date.UTC(year, month + 1, 1), atMs);
    if (!this.#fitsDay(day, wall.getUTCDay()))
      return this.#zone.startOf(Date.UTC(year, month, day + 1), atMs);
    const minute = wall.getUTCMinutes();
    if (!this.#hours.values.has(wall.getUTCHours())) return atMs + (60 - minute) * minuteMs;
    for (let later = minute; later < 60; later += 1)
      if (this.#minutes.values.has(later))
        return later === minute ? undefined : atMs + (later - minute) * minuteMs;
    return atMs + (60 - minute) * minuteMs;
  }

  #fitsDay(day: number, weekday: number): boolean {
    const [ofMonth, ofWeek] = [this.#days.values.has(day), this.#weekdays.values.has(weekday)];
    return this.#days.isOpen || this.#weekdays.isOpen ? ofMonth && ofWeek : ofMonth || ofWeek;
  }
}

/** Wall times of a zone, as milliseconds that read in UTC what the zone's clocks show. */
class Zone {
  readonly #format: Intl.DateTimeFormat | undefined;

  constructor(name: string) {
    this.#format =
      name === 'UTC'
        ? undefined
        : new Intl.DateTimeFormat('en-US', {
            ...{ timeZone: name, hourCycle: 'h23', year: 'numeric', month: 'numeric' },
            ...{ day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' },
          });
  }

  toWallMs(atMs: number): number {
    if (this.#format === undefined) return atMs;
    const parts: Record<string, number> = {};
    for (const { type, value } of this.#format.formatToParts(atMs)) parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    return Date.UTC(year, month - 1, day, hour, minute, second);
  }

  /** The first instant after `atMs` at which the clocks show `wallMs` or later. */
  startOf(wallMs: number, atMs: number): number {
    const guess = wallMs - (this.toWallMs(atMs) - atMs);
    const corrected = wallMs - (this.toWallMs(guess) - guess);
    return Math.max(atMs + minuteMs, Math.min(guess, corrected));
  }
}
