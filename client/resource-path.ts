import type { ApiObject, ResourceType } from '../api/kind-info.ts';
import { toApiVersion } from '../api/kind-info.ts';
import type { Selection, WatchRequest, WriteOptions } from './client.ts';

/** Path of a collection; of all namespaces when `namespace` is left out. */
export function collectionPath(type: ResourceType<ApiObject>, namespace: string | undefined): string {
  const root = type.group === '' ? `/api/${type.version}` : `/apis/${toApiVersion(type)}`;
  const scope =
    type.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : '';
  return `${root}${scope}/${type.plural}`;
}

/** Path of one object or of a subresource of it. @throws TypeError when a namespaced kind is named without one */
export function objectPath(
  type: ResourceType<ApiObject>,
  ref: { readonly namespace?: string | undefined; readonly name: string },
  subresource?: string,
): string {
  if (type.namespaced && ref.namespace === undefined)
    throw new TypeError(`${type.plural} "${ref.name}" is named without its namespace`);
  if (ref.name === '') throw new TypeError(`${type.plural} is named without a name`);
  const path = `${collectionPath(type, ref.namespace)}/${encodeURIComponent(ref.name)}`;
  return subresource === undefined ? path : `${path}/${subresource}`;
}

/** `?a=1&b=2` of the values that are there, or nothing. */
export function toQuery(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  const text = query.toString();
  return text === '' ? '' : `?${text}`;
}

export const selectionQuery = (
  selection: Selection,
): { labelSelector: string | undefined; fieldSelector: string | undefined } => ({
  labelSelector: selection.labelSelector === '' ? undefined : selection.labelSelector,
  fieldSelector: selection.fieldSelector === '' ? undefined : selection.fieldSelector,
});

export function watchQuery(request: WatchRequest): string {
  return toQuery({
    watch: true,
    ...selectionQuery(request),
    resourceVersion: request.resourceVersion,
    allowWatchBookmarks: request.allowWatchBookmarks,
    sendInitialEvents: request.sendInitialEvents,
    // The server refuses initial events without it.
    resourceVersionMatch: request.sendInitialEvents === undefined ? undefined : 'NotOlderThan',
    timeoutSeconds: request.timeoutSeconds,
  });
}

export function writeQuery(options: WriteOptions | undefined, force?: boolean): string {
  return toQuery({
    dryRun: options?.dryRun === true ? 'All' : undefined,
    fieldManager: options?.fieldManager,
    force,
  });
}
