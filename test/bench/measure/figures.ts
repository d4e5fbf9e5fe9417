import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../tidy/source-files.ts';

export interface Figure {
  readonly name: string;
  readonly unit: 's' | 'ms' | 'us' | '/s' | 'MB' | 'KB' | '%' | '';
  /** Each run's value. */
  readonly values: readonly number[];
  readonly goal?: number;
  /** What users have today, as recorded on this kind of machine. */
  readonly elsewhere?: string;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1] ?? sorted[middle] ?? Number.NaN, sorted[middle] ?? Number.NaN];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

const shown = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

/** Prints the figures as a table and keeps them in `.bench/NAME.json`. */
export function report(name: string, figures: readonly Figure[], others = 'Swarm'): void {
  const rows = figures.map((figure) => [
    figure.name,
    `${shown(median(figure.values))} ${figure.unit}`,
    `${shown(Math.min(...figure.values))} - ${shown(Math.max(...figure.values))}`,
    figure.goal === undefined ? '' : `${figure.goal} ${figure.unit}`,
    figure.elsewhere ?? '',
  ]);
  const table = [['figure', 'median', 'min - max', 'goal', others], ...rows];
  const widths = [0, 1, 2, 3, 4].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  for (const row of table)
    process.stdout.write(
      `${row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd()}\n`,
    );
  mkdirSync(join(root, '.bench'), { recursive: true });
  writeFileSync(join(root, `.bench/${name}.json`), `${JSON.stringify(figures, undefined, 2)}\n`);
}
