/** A table of goals for somebody who sees it for the first time: what was asked, what was found, and whether that will do. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../tidy/source-files.ts';
import { median } from './figures.ts';

export interface GoalFigure {
  readonly name: string;
  readonly unit: '/s' | 's' | 'ms' | 'us' | 'MB' | '%';
  /** Each run's value. */
  readonly values: readonly number[];
  readonly atLeast?: number;
  readonly atMost?: number;
  /** kube-scheduler's: on this machine, or by its CI's floor on a bigger one; in the same unit. */
  readonly peer?: { readonly here?: number | undefined; readonly ci?: number | undefined };
  /** What the store alone takes, in the same unit, measured in the same run. */
  readonly limit?: number;
  /** What else is to be known of it, e.g. CPU and the shape of the workload. */
  readonly notes?: readonly string[];
}

const startedAtMs = performance.now();

/** Collects figures, and tells each on stderr as it comes. */
export class GoalTable {
  readonly figures: GoalFigure[] = [];

  add(figure: GoalFigure): void {
    this.figures.push(figure);
    this.progress(`${figure.name}: ${measuredOf(figure)}${verdictOf(figure) === 'NO' ? ' (missed)' : ''}`);
  }

  progress(text: string): void {
    const seconds = Math.round((performance.now() - startedAtMs) / 1_000);
    const time = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`;
    process.stderr.write(`${time} ${text}\n`);
  }

  /** Prints the table and keeps the figures in `.bench/NAME.json`. */
  report(name: string): void {
    const head = ['what', 'measured', 'goal', 'met', 'kube-scheduler', 'of raw etcd'];
    const rows = this.figures.map(rowOf);
    const table = [head, ...rows];
    const widths = head.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
    for (const row of table) {
      const line = row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ');
      process.stdout.write(`${line.trimEnd()}\n`);
    }
    for (const line of this.#legend()) process.stdout.write(`${line}\n`);
    mkdirSync(join(root, '.bench'), { recursive: true });
    writeFileSync(join(root, `.bench/${name}.json`), `${JSON.stringify(this.figures, undefined, 2)}\n`);
  }

  #legend(): string[] {
    const judged = this.figures.filter((each) => verdictOf(each) !== '');
    const met = judged.filter((each) => verdictOf(each) === 'yes').length;
    const noted = this.figures.filter(({ notes = [] }) => notes.length > 0);
    return [
      '',
      ...noted.flatMap((each) => [`${each.name}:`, ...(each.notes ?? []).map((note) => `  ${note}`)]),
      ...(judged.length === 0 ? [] : [`${met} of ${judged.length} goals are met.`]),
    ];
  }
}

function rowOf(figure: GoalFigure): string[] {
  const { limit } = figure;
  const share = limit === undefined ? '' : `${Math.round((100 * median(figure.values)) / limit)} %`;
  return [figure.name, measuredOf(figure), goalOf(figure), verdictOf(figure), peerOf(figure), share];
}

const isWhole = (value: number): boolean => Math.abs(value) >= 100;
const shown = (value: number): string =>
  isWhole(value) ? Math.round(value).toLocaleString('en') : value.toFixed(Math.abs(value) >= 10 ? 1 : 2);

function measuredOf({ values, unit }: GoalFigure): string {
  const spread =
    values.length === 1 ? '' : ` (${shown(Math.min(...values))} to ${shown(Math.max(...values))})`;
  return `${shown(median(values))} ${unit}${spread}`;
}

function goalOf({ atLeast, atMost, unit }: GoalFigure): string {
  if (atLeast !== undefined) return `>= ${atLeast.toLocaleString('en')} ${unit}`;
  return atMost === undefined ? '' : `<= ${atMost.toLocaleString('en')} ${unit}`;
}

function verdictOf({ values, atLeast, atMost }: GoalFigure): 'yes' | 'NO' | '' {
  const value = median(values);
  if (atLeast !== undefined) return value >= atLeast ? 'yes' : 'NO';
  if (atMost !== undefined) return value <= atMost ? 'yes' : 'NO';
  return '';
}

function peerOf({ peer = {}, values, atMost, unit }: GoalFigure): string {
  const better = (other: number): string => {
    const times = atMost === undefined ? median(values) / other : other / median(values);
    return `${other.toLocaleString('en')} ${unit} (x ${times.toFixed(1)})`;
  };
  return [
    ...(peer.here === undefined ? [] : [`here ${better(peer.here)}`]),
    ...(peer.ci === undefined ? [] : [`CI ${better(peer.ci)}`]),
  ].join(', ');
}
