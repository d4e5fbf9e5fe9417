import type { AnyObject } from '../../api/kind-info.ts';

/** A Table as the server sends it. @see meta/v1 Table */
export interface Table {
  readonly columns: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly TableRow[];
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly object: AnyObject | undefined;
}

export const tableAccept =
  'application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json';

interface WireTable {
  readonly columnDefinitions?: readonly { readonly name: string; readonly priority?: number }[];
  readonly rows?: readonly { readonly cells: readonly unknown[]; readonly object?: AnyObject }[];
}

export function toTable(body: AnyObject): Table | undefined {
  if (body.kind !== 'Table') return undefined;
  const { columnDefinitions = [], rows = [] } = body as WireTable;
  return {
    columns: columnDefinitions.map(({ name, priority = 0 }) => ({ name, priority })),
    rows: rows.map(({ cells, object }) => ({ cells, object })),
  };
}

export interface TableLayout {
  readonly wide: boolean;
  readonly headers: boolean;
  readonly withNamespace: boolean;
  readonly withLabels: boolean;
  readonly labelColumns: readonly string[];
  /** Put before each name: `pod/`. */
  readonly namePrefix: string;
}

/** Rows of text, the header first; the columns that the layout asks for. */
export function layOut(table: Table, layout: TableLayout): string[][] {
  const shown = table.columns.flatMap((column, i) => (layout.wide || column.priority === 0 ? [i] : []));
  const header = [
    ...(layout.withNamespace ? ['NAMESPACE'] : []),
    ...shown.map((i) => (table.columns[i]?.name ?? '').toUpperCase()),
    ...layout.labelColumns.map((key) => (key.split('/').at(-1) ?? '').toUpperCase()),
    ...(layout.withLabels ? ['LABELS'] : []),
  ];
  const rows = table.rows.map(({ cells, object }) => {
    const labels = object?.metadata?.labels ?? {};
    return [
      ...(layout.withNamespace ? [object?.metadata?.namespace ?? ''] : []),
      ...shown.map((i) => `${i === 0 ? layout.namePrefix : ''}${toCell(cells[i])}`),
      ...layout.labelColumns.map((key) => labels[key] ?? ''),
      ...(layout.withLabels ? [formatLabels(labels)] : []),
    ];
  });
  return layout.headers ? [header, ...rows] : rows;
}

export function formatLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  return pairs.length === 0 ? '<none>' : pairs.sort().join(',');
}

function toCell(value: unknown): string {
  return value === null || value === undefined ? '<none>' : (String(value).split('\n')[0] ?? '');
}

const columnGap = 3;
/** Columns are at least this wide before the gap. */
const minColumnWidth = 6;

/** Columns aligned; `widths` keep those of earlier rows, as a watch needs it. */
export function align(rows: readonly (readonly string[])[], widths: number[] = []): string {
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length, minColumnWidth - columnGap);
    });
  const line = (row: readonly string[]): string =>
    row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd((widths[i] ?? 0) + columnGap))).join('');
  return rows.map((row) => `${line(row)}\n`).join('');
}
