import { matchesRequirement, matchesSelector, type Selector } from '../../api/selector.ts';
import type { CachedObject } from './read-cache.ts';

/** Which objects of one resource a list or a watch is about. */
export interface Selection {
  readonly resource: string;
  /** Empty: all namespaces. */
  readonly namespace: string;
  readonly name?: string | undefined;
  readonly labels: Selector;
  readonly fields: Selector;
}

/** A field that no object has is the empty string, as in Kubernetes: `spec.nodeName=` finds what is unbound. */
export function fieldOf(object: CachedObject, field: string): string {
  if (field === 'metadata.name') return object.name;
  if (field === 'metadata.namespace') return object.namespace;
  return object.fields.get(field) ?? '';
}

export function isSelected(selection: Selection, object: CachedObject): boolean {
  if (selection.namespace !== '' && selection.namespace !== object.namespace) return false;
  if (selection.name !== undefined && selection.name !== object.name) return false;
  for (const requirement of selection.fields)
    if (!matchesRequirement(requirement, fieldOf(object, requirement.key))) return false;
  return selection.labels.length === 0 || matchesSelector(selection.labels, object.labels);
}

/** Only a resource and perhaps a namespace: no object has to be looked at. */
export function isUnfiltered(selection: Selection): boolean {
  return selection.name === undefined && selection.labels.length === 0 && selection.fields.length === 0;
}

/** The one name that can match, if the selection says so. */
export function selectedName(selection: Selection): string | undefined {
  return selection.name ?? equalities(selection).find((each) => each.field === 'metadata.name')?.value;
}

/** `field=value` terms, metadata.name and metadata.namespace included. */
export function equalities(selection: Selection): { readonly field: string; readonly value: string }[] {
  return selection.fields.flatMap(({ key, operator, values: [value, ...more] }) =>
    operator === 'in' && value !== undefined && more.length === 0 ? [{ field: key, value }] : [],
  );
}

/** What an agent follows: the pods of its node. */
export function isOfOneNode({ resource, fields }: Selection): boolean {
  if (resource !== '/pods') return false;
  return fields.some(
    ({ key, operator, values: [value = '', ...more] }) =>
      key === 'spec.nodeName' && operator === 'in' && value !== '' && more.length === 0,
  );
}

/** Equal for equal selections. */
export function selectionId(selection: Selection): string {
  const { resource, namespace, name = null, labels, fields } = selection;
  return JSON.stringify([resource, namespace, name, labels, fields]);
}
