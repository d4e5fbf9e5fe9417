import type { AnyObject } from '../../api/kind-info.ts';
import { keyOf } from '../storage/keys.ts';
import type { StorageDelete, StoragePut } from '../storage/storage.ts';
import type { CachedObject, ReadCache } from '../watch-cache/read-cache.ts';

/**
 * Who has an address or a port: one key each, written in the transaction of the Service. Two servers that choose the
 * same one meet at the key, and one of them chooses again.
 */
export interface RecordKind {
  readonly resource: string;
  readonly apiVersion: string;
  readonly kind: string;
  readonly labels?: Readonly<Record<string, string>>;
}

/** @see networking.k8s.io/v1 IPAddress */
export const addressRecord: RecordKind = {
  resource: 'networking.k8s.io/ipaddresses',
  apiVersion: 'networking.k8s.io/v1',
  kind: 'IPAddress',
  labels: {
    'ipaddress.kubernetes.io/ip-family': 'IPv4',
    'ipaddress.kubernetes.io/managed-by': 'ipallocator.k8s.io',
  },
};

/** Ours: not served, only stored. */
export const portRecord: RecordKind = {
  resource: 'coracle.dev/nodeports',
  apiVersion: 'coracle.dev/v1',
  kind: 'NodePort',
};

export interface Owner {
  readonly namespace: string;
  readonly name: string;
}

/** `version` is that of a record which nobody owns any more, else 0. */
export function recordPut(
  kind: RecordKind,
  name: string,
  owner: Owner,
  at: { readonly version: number; readonly time: string; readonly uid: string },
): StoragePut {
  const object: AnyObject = {
    kind: kind.kind,
    apiVersion: kind.apiVersion,
    metadata: {
      name,
      uid: at.uid,
      resourceVersion: '',
      creationTimestamp: at.time,
      ...(kind.labels === undefined ? {} : { labels: { ...kind.labels } }),
    },
    spec: { parentRef: { resource: 'services', namespace: owner.namespace, name: owner.name } },
  };
  return { type: 'put', key: keyOf(kind.resource, '', name), object, expected: at.version };
}

export function recordDelete(cache: ReadCache, kind: RecordKind, name: string): StorageDelete[] {
  const found = cache.get(kind.resource, '', name);
  return found === undefined ? [] : [{ key: found.key, expected: found.version }];
}

export function ownerOf(record: CachedObject): Owner | undefined {
  const parsed = JSON.parse(record.json.toString()) as {
    readonly spec?: { readonly parentRef?: { readonly namespace?: string; readonly name?: string } };
  };
  const { namespace, name } = parsed.spec?.parentRef ?? {};
  return namespace === undefined || name === undefined ? undefined : { namespace, name };
}
