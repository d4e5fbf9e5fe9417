import type { AnyObject } from '../../api/kind-info.ts';
import { toApiVersion } from '../../api/kind-info.ts';
import type { KindStrategy, TableColumn } from '../registry/strategy.ts';
import type { MetaVersion } from './negotiation.ts';

const apiVersionOf = (version: MetaVersion): string => `meta.k8s.io/${version}`;

/** How much of each object a Table carries beside its cells. */
export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableHead {
  readonly resourceVersion?: string | undefined;
  readonly continue?: string | undefined;
  readonly remainingItemCount?: number | undefined;
}

export interface TableRow {
  readonly cells: readonly unknown[];
  readonly conditions?: readonly object[];
  readonly object: object | null;
}

export function columnDefinitions(columns: readonly TableColumn[]): object[] {
  return columns.map(({ name, type, format, description, priority }) => ({
    name,
    type,
    format,
    description,
    priority,
  }));
}

export function tableRow(
  strategy: Pick<KindStrategy, 'columns'>,
  object: AnyObject,
  include: IncludeObject,
  nowMs: number,
  version: MetaVersion = 'v1',
): TableRow {
  const cells = strategy.columns.map((column) => column.cell(object, nowMs));
  const conditions = rowConditions(object);
  const marks = conditions === undefined ? {} : { conditions };
  if (include === 'None') return { cells, ...marks, object: null };
  return { cells, ...marks, object: include === 'Object' ? object : toMetadataOnly(object, version) };
}

/** Pods that have ended are marked, so that printers may fade them. */
function rowConditions({ kind, status }: AnyObject): readonly object[] | undefined {
  if (kind !== 'Pod' || typeof status !== 'object' || status === null || !('phase' in status))
    return undefined;
  const { phase } = status;
  if (phase !== 'Succeeded' && phase !== 'Failed') return undefined;
  const message = phase === 'Succeeded' ? 'The pod has completed successfully.' : 'The pod failed.';
  return [{ type: 'Completed', status: 'True', reason: phase, message }];
}

/** The whole Table. `columns` is left out after the first event of a watch. */
export function toTable(
  strategy: Pick<KindStrategy, 'columns'>,
  rows: readonly TableRow[],
  head: TableHead,
  withColumns = true,
  version: MetaVersion = 'v1',
): object {
  return {
    kind: 'Table',
    apiVersion: apiVersionOf(version),
    metadata: withoutAbsent(head),
    columnDefinitions: withColumns ? columnDefinitions(strategy.columns) : null,
    rows,
  };
}

function withoutAbsent(head: TableHead): object {
  return Object.fromEntries(Object.entries(head).filter(([, value]) => value !== undefined));
}

export function toMetadataOnly(object: { readonly metadata: object }, version: MetaVersion = 'v1'): object {
  return { kind: 'PartialObjectMetadata', apiVersion: apiVersionOf(version), metadata: bareMetadata(object) };
}

/** Kept as a field and shown as an annotation of the whole object only. */
const templateGeneration = 'deprecated.daemonset.template.generation';

function bareMetadata({ metadata }: { readonly metadata: object }): object {
  if (!('annotations' in metadata)) return metadata;
  const { annotations, ...rest } = metadata;
  if (typeof annotations !== 'object' || annotations === null || !(templateGeneration in annotations))
    return metadata;
  const { [templateGeneration]: _generation, ...others } = annotations;
  return Object.keys(others).length === 0 ? rest : { ...rest, annotations: others };
}

export function metadataListHead(version: MetaVersion): {
  readonly kind: string;
  readonly apiVersion: string;
} {
  return { kind: 'PartialObjectMetadataList', apiVersion: apiVersionOf(version) };
}

export function listHead(strategy: KindStrategy): { readonly kind: string; readonly apiVersion: string } {
  return { kind: `${strategy.kind.kind}List`, apiVersion: toApiVersion(strategy.kind) };
}
