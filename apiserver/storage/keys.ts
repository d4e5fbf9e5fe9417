/**
 * Storage keys: `/registry/<resource path>[/<namespace>]/<name>`. The resource path is the plural for the core group
 * (`pods`) and `<group>/<plural>` for the others (`apps/deployments`). A resource is named `<group>/<plural>`
 * everywhere else, so the core group's pods are `/pods`.
 *
 * A key of three parts is a core object in a namespace or another group's object without one. The first part decides:
 * a group has a dot in its name, but for Kubernetes' few old ones, and no core plural does.
 */
export const registryPrefix = '/registry/';

const undottedGroups: ReadonlySet<string> = new Set(['apps', 'batch', 'autoscaling', 'policy', 'extensions']);

export interface ObjectPath {
  /** `<group>/<plural>`; `/pods` for the core group. */
  readonly resource: string;
  /** Empty for cluster-scoped objects. */
  readonly namespace: string;
  readonly name: string;
}

/** All keys of a resource begin with this. */
export function resourcePrefix(resource: string): string {
  return `${registryPrefix}${resource.startsWith('/') ? resource.slice(1) : resource}/`;
}

export function keyOf(resource: string, namespace: string, name: string): string {
  return `${resourcePrefix(resource)}${namespace === '' ? '' : `${namespace}/`}${name}`;
}

/** @returns undefined for a key that is no object's. */
export function parseKey(key: string): ObjectPath | undefined {
  if (!key.startsWith(registryPrefix)) return undefined;
  const parts = key.slice(registryPrefix.length).split('/');
  const [first = ''] = parts;
  const grouped = first.includes('.') || undottedGroups.has(first);
  const resource = grouped ? `${first}/${parts[1]}` : `/${first}`;
  const path = parts.slice(grouped ? 2 : 1);
  if (parts.includes('') || path.length < 1 || path.length > 2) return undefined;
  const [namespace = '', name = ''] = path.length === 2 ? path : ['', path[0]];
  return { resource, namespace, name };
}

/** `pods` or `apps/deployments`: the resource path of a key, without taking the rest of it apart. */
export function resourceOfKey(key: string): string {
  const start = registryPrefix.length;
  const first = key.indexOf('/', start);
  if (first < 0) return key.slice(start);
  const head = key.slice(start, first);
  if (!head.includes('.') && !undottedGroups.has(head)) return head;
  const second = key.indexOf('/', first + 1);
  return key.slice(start, second < 0 ? undefined : second);
}

/** The end of the range of all keys that begin with `prefix`: etcd's convention, the last byte plus one. */
export function prefixEnd(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
