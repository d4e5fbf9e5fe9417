/**
 * Counters and histograms of what happens thousands of times a second. prom-client finds a series by sorting and
 * joining its labels at each observation, which costs more than a cached read; here the caller keeps the series it
 * has found, and an observation is an addition. Rendered in Prometheus' text format.
 * @see https://prometheus.io/docs/instrumenting/exposition_formats/
 */
export type Labels = Readonly<Record<string, string>>;

/** One line of a counter, or a gauge. */
export interface NumberSeries {
  value: number;
}

export class NumberFamily {
  readonly #head: string;
  readonly #name: string;
  readonly #series = new Map<string, NumberSeries>();

  constructor(name: string, help: string, type: 'counter' | 'gauge' = 'counter') {
    this.#name = name;
    this.#head = headOf(name, help, type);
  }

  /** To be kept by whoever counts often. */
  with(labels: Labels): NumberSeries {
    const id = labelText(labels);
    const known = this.#series.get(id);
    if (known !== undefined) return known;
    const created = { value: 0 };
    this.#series.set(id, created);
    return created;
  }

  clear(): void {
    this.#series.clear();
  }

  render(): string {
    let text = this.#head;
    for (const [labels, { value }] of this.#series) text += `${this.#name}${inBraces(labels)} ${value}\n`;
    return text;
  }
}

export class HistogramSeries {
  readonly #bounds: readonly number[];
  /** Not cumulative; the last one is beyond all bounds. */
  readonly counts: number[];
  sum = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number, times = 1): void {
    let at = 0;
    while (at < this.#bounds.length && value > (this.#bounds[at] as number)) at += 1;
    this.counts[at] = (this.counts[at] as number) + times;
    this.sum += value * times;
  }
}

export class HistogramFamily {
  readonly #head: string;
  readonly #name: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, HistogramSeries>();

  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#head = headOf(name, help, 'histogram');
    this.#bounds = bounds;
  }

  /** To be kept by whoever observes often. */
  with(labels: Labels): HistogramSeries {
    const id = labelText(labels);
    const known = this.#series.get(id);
    if (known !== undefined) return known;
    const created = new HistogramSeries(this.#bounds);
    this.#series.set(id, created);
    return created;
  }

  render(): string {
    let text = this.#head;
    for (const [labels, series] of this.#series) text += this.#renderSeries(labels, series);
    return text;
  }

  #renderSeries(labels: string, { counts, sum }: HistogramSeries): string {
    const before = labels === '' ? '' : `${labels},`;
    let text = '';
    let count = 0;
    for (const [at, own] of counts.entries()) {
      count += own;
      text += `${this.#name}_bucket{${before}le="${this.#bounds[at] ?? '+Inf'}"} ${count}\n`;
    }
    return `${text}${this.#name}_sum${inBraces(labels)} ${sum}\n${this.#name}_count${inBraces(labels)} ${count}\n`;
  }
}

/** `count` bounds, each `factor` times the one before. */
export const exponentialBounds = (first: number, factor: number, count: number): number[] =>
  Array.from({ length: count }, (_, at) => first * factor ** at);

const headOf = (name: string, help: string, type: string): string =>
  `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;

const inBraces = (labels: string): string => (labels === '' ? '' : `{${labels}}`);

function labelText(labels: Labels): string {
  return Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replace(/[\\"\n]/g, escapeCharacter)}"`)
    .join(',');
}

const escapeCharacter = (character: string): string => (character === '\n' ? '\\n' : `\\${character}`);
