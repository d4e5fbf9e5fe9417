type Line = readonly string[];

/**
 * The text of `describe`: lines of cells, of which each but the last is padded. As with the tab stops of a typewriter,
 * cells of one column share a width as long as the lines that have them follow one another. A level is two spaces.
 */
export class Outline {
  readonly #lines: Line[] = [];

  /** A label with its value; further values go below the first. */
  field(label: string, value: string | number | boolean | undefined | readonly string[], level = 0): this {
    const values = Array.isArray(value)
      ? value
      : [value === undefined || value === '' ? '<none>' : String(value)];
    const [first = '<none>', ...more] = values;
    this.#add(level, [`${label}:`, first]);
    for (const next of more) this.#add(level, ['', next]);
    return this;
  }

  /** A label with a block below it. */
  heading(label: string, level = 0): this {
    return this.#add(level, [`${label}:`]);
  }

  /** A row of a small table, or with one cell a line of text. */
  row(cells: readonly string[], level = 1): this {
    return this.#add(level, cells);
  }

  get text(): string {
    return this.#lines.map((line, at) => `${this.#padded(line, at)}\n`).join('');
  }

  #add(level: number, [first = '', ...more]: readonly string[]): this {
    this.#lines.push([`${'  '.repeat(level)}${first}`, ...more]);
    return this;
  }

  #padded(line: Line, at: number): string {
    return line
      .map((cell, column) => (column === line.length - 1 ? cell : cell.padEnd(this.#width(at, column) + 2)))
      .join('');
  }

  #width(at: number, column: number): number {
    const hasColumn = (line: Line | undefined): line is Line =>
      line !== undefined && line.length > column + 1;
    let from = at;
    while (hasColumn(this.#lines[from - 1])) from -= 1;
    let width = 0;
    for (let i = from; hasColumn(this.#lines[i]); i += 1)
      width = Math.max(width, this.#lines[i]?.[column]?.length ?? 0);
    return width;
  }
}

/** `key=value` lines of labels, in the order of the alphabet. */
export function pairs(map: Readonly<Record<string, string>> | undefined): string[] {
  const entries = Object.entries(map ?? {}).filter(
    ([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration',
  );
  return entries.length === 0 ? ['<none>'] : entries.map(([key, value]) => `${key}=${value}`).sort();
}

/** As kubectl shows an age: `45s`, `3m20s`, `2h`, `5d`; `<invalid>` for what is still to come. */
export function age(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  if (sinceMs - nowMs >= 2_000) return '<invalid>';
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  const both = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big}${bigUnit}` : `${big}${bigUnit}${small}${smallUnit}`;
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return both(minutes, 'm', seconds % 60, 's');
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return both(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  if (days < 8) return both(days, 'd', hours % 24, 'h');
  if (days < 730) return `${days}d`;
  return days < 2_920 ? both(Math.floor(days / 365), 'y', days % 365, 'd') : `${Math.floor(days / 365)}y`;
}

/** Longer ones stand on lines of their own, cut. */
const maxAnnotationLength = 140;

/** `key: value` lines of annotations; what is long or has several lines goes below its key. */
export function annotationLines(map: Readonly<Record<string, string>> | undefined): string[] {
  const entries = Object.entries(map ?? {})
    .filter(([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration')
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (entries.length === 0) return ['<none>'];
  return entries.flatMap(([key, whole]) => {
    const value = whole.replace(/\n$/, '');
    if (key.length + value.length + 2 <= maxAnnotationLength && !value.includes('\n'))
      return [`${key}: ${value}`];
    const room = maxAnnotationLength - 2;
    const lines = value.split('\n');
    return [
      `${key}:`,
      ...lines.map((line) => `  ${line.length > room ? `${line.slice(0, room)}...` : line}`),
    ];
  });
}

/** A time as kubectl writes it in descriptions: RFC 1123 with the zone's offset. */
export function longTime(text: string | undefined): string {
  if (text === undefined || text === '') return '<unset>';
  const [weekday = '', day, month, year, clock] = new Date(text).toUTCString().split(' ');
  return `${weekday} ${day} ${month} ${year} ${clock} +0000`;
}
