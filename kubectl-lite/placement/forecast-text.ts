/** A forecast in words. Pure. */
import { formatBytes, formatMillis } from '../../api/quantity.ts';
import { align } from '../printers/table.ts';
import { named } from './change.ts';
import type { Forecast, Move, Stuck } from './forecast.ts';
import { compareNames, type NodeLoad } from './node-loads.ts';

/** Of more rows than this, those of one owner share one, and nodes whose load does not change are counted only. */
const maxListed = 20;
/** Rows of a table, lines of a section; of more it says how many. */
const maxRows = 40;
/** Nodes that a row of many pods names. */
const maxTargets = 4;

export function forecastText({ moves, pending, gone, stay, preempted, notes, loads }: Forecast): string {
  return [
    moveTable(moves, pending),
    section('Would stay pending', stuckLines(pending)),
    section('Would be evicted for others', preempted),
    section('Would be gone', gone),
    section('Would stay where they are', stay),
    section('To know', notes),
    `\n${loadTable(loads)}`,
    '\nNothing was changed.\n',
  ].join('');
}

function section(title: string, lines: readonly string[]): string {
  if (lines.length === 0) return '';
  const rest = lines.length - maxRows;
  const shown = rest > 0 ? [...lines.slice(0, maxRows), `and ${rest} more`] : lines;
  return `\n${title}:\n${shown.map((line) => `  ${line}\n`).join('')}`;
}

interface Row {
  readonly pod: string;
  readonly owner?: string | undefined;
  readonly from?: string | undefined;
  readonly to: string;
}

function moveTable(moves: readonly Move[], pending: readonly Stuck[]): string {
  const rows: Row[] = [...moves, ...pending.map((stuck) => ({ ...stuck, to: '<pending>' }))];
  if (rows.length === 0) return 'No pod would move.\n';
  if (rows.length <= maxListed)
    return align([['POD', 'FROM', 'TO'], ...rows.map(({ pod, from, to }) => [pod, from ?? '<none>', to])]);
  const groups = [...groupedBy(rows, ({ pod, owner, from }) => `${owner ?? pod} ${from ?? ''}`).values()];
  const shown = groups.slice(0, maxRows).map((group) => {
    const [first] = group;
    const what = group.length > 1 ? `${group.length} of ${ownerTitle(first)}` : (first?.pod ?? '');
    return [what, first?.from ?? '<none>', targetsOf(group)];
  });
  const rest = groups.slice(maxRows).reduce((sum, group) => sum + group.length, 0);
  return `${align([['PODS', 'FROM', 'TO'], ...shown])}${rest === 0 ? '' : `and ${rest} pods more\n`}`;
}

/** `default/ReplicaSet/web-6c8f9d` */
const ownerTitle = (row: Row | undefined): string =>
  `${row?.pod.slice(0, row.pod.indexOf('/')) ?? ''}/${row?.owner ?? ''}`;

/** `host-1 (33), host-2 (32) and 5 nodes more` */
function targetsOf(rows: readonly Row[]): string {
  const [only] = rows;
  if (rows.length === 1 && only !== undefined) return only.to;
  const targets = [...groupedBy(rows, ({ to }) => to)].sort(
    ([left, some], [right, others]) => others.length - some.length || compareNames(left, right),
  );
  const shown = targets.slice(0, maxTargets).map(([to, group]) => `${to} (${group.length})`);
  const rest = targets.length - shown.length;
  return `${shown.join(', ')}${rest === 0 ? '' : ` and ${rest} ${rest === 1 ? 'node' : 'nodes'} more`}`;
}

/** Pods that wait for the same reason share a line. */
function stuckLines(pending: readonly Stuck[]): string[] {
  const groups = groupedBy(pending, ({ waits, message }) => `${waits} ${message}`);
  return [...groups.values()].flatMap((group) =>
    group.slice(0, 1).map(({ waits, message }) => {
      const pods = named(group.map(({ pod }) => pod));
      return `${pods}${waits ? ' (as today)' : ''}: ${message}`;
    }),
  );
}

function groupedBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function loadTable({ before, after }: Forecast['loads']): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort(compareNames);
  const isSame = (name: string): boolean => JSON.stringify(before[name]) === JSON.stringify(after[name]);
  const changed = names.filter((name) => !isSame(name));
  const listed = names.length <= maxListed ? names : changed.slice(0, maxRows);
  const rows = listed.map((name) => [
    name,
    ...columns.map((column) => `${column(before[name])} -> ${column(after[name])}`),
  ]);
  const table =
    rows.length === 0 ? '' : align([['NODE', 'CPU REQUESTS', 'MEMORY REQUESTS', 'PODS'], ...rows]);
  const [unlisted, same] = [changed.length - listed.length, names.length - changed.length];
  return [
    table,
    unlisted > 0 ? `and ${unlisted} nodes more whose load changes\n` : '',
    names.length > maxListed && same > 0 ? `${same} nodes as before\n` : '',
  ].join('');
}

const share = (used: number, all: number): string =>
  all === 0 ? '' : ` (${Math.round((100 * used) / all)}%)`;

const columns: readonly ((load: NodeLoad | undefined) => string)[] = [
  (load) =>
    load === undefined ? '-' : `${formatMillis(load.cpuMillis)}${share(load.cpuMillis, load.cpuAllocatable)}`,
  (load) =>
    load === undefined
      ? '-'
      : `${formatBytes(load.memoryBytes)}${share(load.memoryBytes, load.memoryAllocatable)}`,
  (load) => (load === undefined ? '-' : String(load.pods)),
];
