/** A forecast in words. Pure. */
import { formatBytes, formatMillis } from '../../api/quantity.ts';
import { align } from '../printers/table.ts';
import type { Forecast } from './forecast.ts';
import type { NodeLoad } from './node-loads.ts';

/** Nodes whose load does not change are counted, not listed, when there are more than this. */
const maxListed = 20;

export function forecastText({ moves, pending, gone, stay, preempted, loads }: Forecast): string {
  const rows = [
    ...moves.map(({ pod, from, to }) => [pod, from ?? '<none>', to]),
    ...pending.map(({ pod, from }) => [pod, from ?? '<none>', '<pending>']),
  ];
  const stuck = pending.map(({ pod, waits, message }) => `  ${pod}${waits ? ' (as today)' : ''}: ${message}`);
  return [
    rows.length === 0 ? 'No pod would move.\n' : align([['POD', 'FROM', 'TO'], ...rows]),
    section('Would stay pending', stuck),
    section('Would be evicted for others', preempted.map(indent)),
    section('Would be gone', gone.map(indent)),
    section('Would stay where they are', stay.map(indent)),
    `\n${loadTable(loads)}`,
    '\nNothing was changed.\n',
  ].join('');
}

const indent = (text: string): string => `  ${text}`;

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `\n${title}:\n${lines.join('\n')}\n`;

function loadTable({ before, after }: Forecast['loads']): string {
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
  const changed = names.filter((name) => JSON.stringify(before[name]) !== JSON.stringify(after[name]));
  const listed = names.length <= maxListed ? names : changed;
  const rows = listed.map((name) => [
    name,
    ...columns.map((column) => `${column(before[name])} -> ${column(after[name])}`),
  ]);
  const rest = names.length - listed.length;
  const table = align([['NODE', 'CPU', 'MEMORY', 'PODS'], ...rows]);
  return rest === 0 ? table : `${table}and ${rest} nodes as before\n`;
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
