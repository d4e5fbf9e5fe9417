/**
 * The outline of `describe`: labels with values beside them, aligned within their block, and blocks below labels.
 * A level is two spaces.
 */
export class Outline {
  readonly #lines: { readonly level: number; readonly cells: readonly string[] }[] = [];

  /** A label with its value; further values go below the first. */
  field(label: string, value: string | number | boolean | undefined | readonly string[], level = 0): this {
    const values = Array.isArray(value)
      ? value
      : [value === undefined || value === '' ? '<none>' : String(value)];
    const [first = '<none>', ...more] = values;
    this.#lines.push({ level, cells: [`${label}:`, first] });
    for (const next of more) this.#lines.push({ level, cells: ['', next] });
    return this;
  }

  /** A label with a block below it. */
  heading(label: string, level = 0): this {
    this.#lines.push({ level, cells: [`${label}:`] });
    return this;
  }

  /** A row of a small table. */
  row(cells: readonly string[], level = 1): this {
    this.#lines.push({ level, cells });
    return this;
  }

  get text(): string {
    return this.#blocks()
      .map((block) => this.#format(block))
      .join('');
  }

  /** Runs of lines of one level and one number of cells share their columns. */
  #blocks(): { readonly level: number; readonly cells: readonly string[] }[][] {
    const blocks: { readonly level: number; readonly cells: readonly string[] }[][] = [];
    let key = '';
    for (const line of this.#lines) {
      const next = `${line.level} ${line.cells.length > 2 ? 'table' : 'fields'}`;
      const isHeading = line.cells.length === 1;
      if (next === key || (isHeading && blocks.length > 0 && key === `${line.level} fields`))
        blocks.at(-1)?.push(line);
      else blocks.push([line]);
      key = next;
    }
    return blocks;
  }

  #format(block: readonly { readonly level: number; readonly cells: readonly string[] }[]): string {
    const widths: number[] = [];
    for (const { cells } of block)
      if (cells.length > 1)
        cells.forEach((cell, i) => {
          widths[i] = Math.max(widths[i] ?? 0, cell.length);
        });
    return block
      .map(({ level, cells }) => {
        const padded = cells.map((cell, i) =>
          i === cells.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + 2),
        );
        return `${'  '.repeat(level)}${padded.join('')}\n`;
      })
      .join('');
  }
}

/** `key=value` lines of labels or annotations, in the order of the alphabet. */
export function pairs(map: Readonly<Record<string, string>> | undefined, separator = '='): string[] {
  const entries = Object.entries(map ?? {}).filter(
    ([key]) => key !== 'kubectl.kubernetes.io/last-applied-configuration',
  );
  return entries.length === 0
    ? ['<none>']
    : entries.map(([key, value]) => `${key}${separator}${value}`).sort();
}

/** As kubectl shows an age: `45s`, `3m20s`, `2h`, `5d`. */
export function age(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1000));
  const [minutes, hours, days] = [
    Math.floor(seconds / 60),
    Math.floor(seconds / 3600),
    Math.floor(seconds / 86_400),
  ];
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return seconds % 60 === 0 ? `${minutes}m` : `${minutes}m${seconds % 60}s`;
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return minutes % 60 === 0 ? `${hours}h` : `${hours}h${minutes % 60}m`;
  if (hours < 48) return `${hours}h`;
  if (days < 8) return hours % 24 === 0 ? `${days}d` : `${days}d${hours % 24}h`;
  return days < 730 ? `${days}d` : `${Math.floor(days / 365)}y`;
}

/** A time as kubectl writes it in descriptions: RFC 1123 with the zone's offset. */
export function longTime(text: string | undefined): string {
  if (text === undefined || text === '') return '<unset>';
  const [weekday = '', day, month, year, clock] = new Date(text).toUTCString().split(' ');
  return `${weekday} ${day} ${month} ${year} ${clock} +0000`;
}
