import type { ApiObject } from '../../api/kind-info.ts';
import type { LabelSelectorSource } from '../../api/selector.ts';
import type { KindColumn } from './kind-rules.ts';

/** meta/v1's own words for the two columns that every kind has. */
export const nameDescription: string =
  'Name must be unique within a namespace. Is required when creating resources, although some resources may allow a client to request the generation of an appropriate name automatically. Name is primarily intended for creation idempotence and configuration definition. Cannot be updated. More info: https://kubernetes.io/docs/concepts/overview/working-with-objects/names#names';
export const ageDescription: string =
  'CreationTimestamp is a timestamp representing the server time when this object was created. It is not guaranteed to be set in happens-before order across separate operations. Clients may not set this value. It is represented in RFC3339 form and is in UTC.\n\nPopulated by the system. Read-only. Null for lists. More info: https://git.k8s.io/community/contributors/devel/sig-architecture/api-conventions.md#metadata';

export const nameColumn: KindColumn<ApiObject> = {
  name: 'Name',
  type: 'string',
  format: 'name',
  description: nameDescription,
  priority: 0,
  cell: (object) => object.metadata.name ?? '',
};

export const ageColumn: KindColumn<ApiObject> = {
  name: 'Age',
  type: 'string',
  format: '',
  description: ageDescription,
  priority: 0,
  cell: (object, nowMs) => formatAge(object.metadata.creationTimestamp, nowMs),
};

/** Time since, as `kubectl get` shows it; `<unknown>` when there is no time. */
export function formatAge(time: string | undefined | null, nowMs: number): string {
  if (time === undefined || time === null || time === '') return '<unknown>';
  return formatDuration(nowMs - Date.parse(time));
}

/** Two units at most, and only where they matter: `45s`, `3m10s`, `5h`, `2d4h`, `400d`, `3y`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.trunc(milliseconds / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 120) return `${seconds}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return withRest(minutes, 'm', seconds % 60, 's');
  if (minutes < 180) return `${minutes}m`;
  const hours = Math.floor(minutes / 60);
  if (hours < 8) return withRest(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return `${hours}h`;
  const days = Math.floor(hours / 24);
  if (hours < 192) return withRest(days, 'd', hours % 24, 'h');
  if (hours < 24 * 365 * 2) return `${days}d`;
  const years = Math.floor(days / 365);
  return hours < 24 * 365 * 8 ? withRest(years, 'y', days % 365, 'd') : `${years}y`;
}

function withRest(value: number, unit: string, rest: number, restUnit: string): string {
  return rest === 0 ? `${value}${unit}` : `${value}${unit}${rest}${restUnit}`;
}

export type ColumnType = 'string' | 'integer' | 'number' | 'boolean' | 'date';

/** A column without a format, shown always. */
export function column<T>(
  name: string,
  description: string,
  cell: (object: T, nowMs: number) => unknown,
  type: ColumnType = 'string',
): KindColumn<T> {
  return { name, type, format: '', description, priority: 0, cell };
}

/** The same, shown with `-o wide` only. */
export function wide<T>(column: KindColumn<T>): KindColumn<T> {
  return { ...column, priority: 1 };
}

/** Label map as `a=b,c=d`, sorted; `<none>` when empty. */
export function formatLabels(labels: Readonly<Record<string, string>> | undefined): string {
  const entries = Object.entries(labels ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  return entries.length === 0 ? '<none>' : entries.map(([key, value]) => `${key}=${value}`).join(',');
}

/** A label selector as text: `a=b,c in (d,e)`; `<none>` when empty. */
export function formatSelector(selector: LabelSelectorSource | undefined, none = '<none>'): string {
  const terms = [
    ...Object.entries(selector?.matchLabels ?? {}).map(([key, value]) => ({ key, text: `${key}=${value}` })),
    ...(selector?.matchExpressions ?? []).map((term) => ({ key: term.key, text: formatExpression(term) })),
  ].sort((left, right) => (left.key < right.key ? -1 : 1));
  return terms.length === 0 ? none : terms.map((term) => term.text).join(',');
}

function formatExpression(term: {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[] | undefined;
}): string {
  const values = `(${[...(term.values ?? [])].sort().join(',')})`;
  switch (term.operator) {
    case 'In':
      return `${term.key} in ${values}`;
    case 'NotIn':
      return `${term.key} notin ${values}`;
    case 'Exists':
      return term.key;
    default:
      return `!${term.key}`;
  }
}
