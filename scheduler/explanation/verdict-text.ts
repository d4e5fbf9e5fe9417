/** Verdicts of the scheduler's core, put into words. Pure. */
import { amountText } from '../framework/resources.ts';
import type { Verdict } from '../schedule.ts';

type Refusal = Extract<Verdict, { readonly fits: false }>;
type Fit = Extract<Verdict, { readonly fits: true }>;

/** Nodes that one line names; of more it says how many. */
const maxNamed = 8;

const refusalsOf = (verdicts: readonly Verdict[]): readonly Refusal[] =>
  verdicts.filter((verdict): verdict is Refusal => !verdict.fits);

export const fitsOf = (verdicts: readonly Verdict[]): readonly Fit[] =>
  verdicts.filter((verdict): verdict is Fit => verdict.fits);

/** Nodes that refuse for the same reasons. Plain data. */
export interface RefusalGroup {
  readonly plugin: string;
  readonly reasons: readonly string[];
  readonly nodes: readonly string[];
  /** The one that lacks the least. */
  readonly nearest: Refusal;
}

/** The largest group first. */
export function refusalGroups(verdicts: readonly Verdict[]): readonly RefusalGroup[] {
  const groups = new Map<string, Refusal[]>();
  for (const refusal of refusalsOf(verdicts)) {
    const key = `${refusal.plugin}: ${refusal.reasons.join(', ')}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [refusal]);
    else group.push(refusal);
  }
  return [...groups.values()]
    .sort((left, right) => right.length - left.length)
    .flatMap((group) => {
      const nearest = nearestBy(group);
      if (nearest === undefined) return [];
      const { plugin, reasons } = nearest;
      return [{ plugin, reasons, nodes: group.map(({ node }) => node).sort(), nearest }];
    });
}

/** One paragraph for all nodes that refuse for the same reasons: the plugin, what is needed, and where most is free. */
export function groupedRefusals(groups: readonly RefusalGroup[]): string[] {
  return groups.flatMap(({ plugin, reasons, nodes, nearest }) => [
    `  ${nodes.length === 1 ? '1 node' : `${nodes.length} nodes`}: ${plugin}: ${reasons.join(', ')}`,
    ...shortfallLines(nearest),
    `    on ${named(nodes)}`,
  ]);
}

function shortfallLines({ node, shortfalls = [], change = '' }: Refusal): string[] {
  const lines = shortfalls.map(
    ({ resource, needed, free }) =>
      `    ${resource}: needs ${amountText(resource, needed)}, free ${amountText(resource, free)} on ${node}`,
  );
  return change === '' ? lines : [...lines, `    would do on ${node}: ${change}`];
}

/** The node that lacks the least, measured by what is needed. */
function nearestBy(group: readonly Refusal[]): Refusal | undefined {
  let nearest: Refusal | undefined;
  let least = Number.POSITIVE_INFINITY;
  for (const refusal of group) {
    const lack = lackOf(refusal);
    // Of equals the first by name, so that whoever asks is told the same.
    const isNearer = lack < least || (lack === least && nearest !== undefined && refusal.node < nearest.node);
    if (!isNearer) continue;
    nearest = refusal;
    least = lack;
  }
  return nearest;
}

function lackOf({ shortfalls }: Refusal): number {
  let lack = 0;
  for (const { needed, free } of shortfalls ?? [])
    lack = Math.max(lack, (needed - free) / Math.max(1, needed));
  return lack;
}

function named(names: readonly string[]): string {
  const rest = names.length - maxNamed;
  return rest > 0 ? `${names.slice(0, maxNamed).join(', ')} and ${rest} more` : names.join(', ');
}

/** Rows of the table; of more nodes it says how many. */
const maxRows = 50;
/** More nodes with the same points than this share a row. */
const maxAlike = 3;

/**
 * A table of the nodes that would do, the best first, `chosen` among them: points by plugin, already weighed. Many
 * with the same points share a row.
 */
export function scoreTable(fits: readonly Fit[], chosen: string | undefined): string {
  const plugins = [...new Set(fits.flatMap(({ points }) => Object.keys(points)))].sort();
  const [first] = fits;
  const pointsOf = (fit: Fit | undefined, plugin: string): string => (fit?.points[plugin] ?? 0).toFixed(1);
  const telling = plugins.filter((plugin) =>
    fits.length === 1
      ? pointsOf(first, plugin) !== '0.0'
      : fits.some((fit) => pointsOf(fit, plugin) !== pointsOf(first, plugin)),
  );
  const alike = plugins.filter((plugin) => !telling.includes(plugin) && pointsOf(first, plugin) !== '0.0');
  const cells = (fit: Fit): string[] => [
    fit.total.toFixed(1),
    ...telling.map((plugin) => pointsOf(fit, plugin)),
  ];
  const header = ['NODE', 'TOTAL', ...telling.map((plugin) => plugin.toUpperCase())];
  const rows = alikeRows(fits, (fit) => (fit.node === chosen ? '*' : cells(fit).join()));
  const shown = rows.filter(([fit], i) => i < maxRows || fit?.node === chosen);
  const count = (all: typeof rows): number => all.reduce((sum, row) => sum + row.length, 0);
  const rest = count(rows) - count(shown);
  const table = aligned([
    header,
    ...shown.flatMap((row) => row.slice(0, 1).map((fit) => [rowName(row, chosen), ...cells(fit)])),
  ]);
  const same = alike.map((plugin) => `${plugin} ${pointsOf(first, plugin)}`);
  return [
    table,
    rest === 0 ? '' : `and ${rest} more\n`,
    same.length === 0 ? '' : `On each of them: ${same.join(', ')}\n`,
  ].join('');
}

/** Nodes that share a row; each alone where they are few. */
function alikeRows(fits: readonly Fit[], keyOf: (fit: Fit) => string): readonly (readonly Fit[])[] {
  const groups = new Map<string, Fit[]>();
  for (const fit of fits) {
    const key = keyOf(fit);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [fit]);
    else group.push(fit);
  }
  return [...groups.values()].flatMap((group) =>
    group.length > maxAlike ? [group] : group.map((fit) => [fit]),
  );
}

function rowName([first, ...others]: readonly Fit[], chosen: string | undefined): string {
  const name = first?.node ?? '';
  if (name === chosen) return `*${name}`;
  return others.length === 0 ? name : `${name} and ${others.length} alike`;
}

const columnGap = 3;

function aligned(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows)
    for (const [i, cell] of row.entries()) widths[i] = Math.max(widths[i] ?? 0, cell.length);
  const padded = (cell: string, i: number): string => cell.padEnd((widths[i] ?? 0) + columnGap);
  return rows.map((row) => `${row.map(padded).join('').trimEnd()}\n`).join('');
}
