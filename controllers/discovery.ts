import type { AnyObject, ResourceType } from '../api/kind-info.ts';
import type { ApiClient } from '../client/client.ts';

/** A kind that the server offers, with what can be done to it. */
export interface DiscoveredResource {
  readonly type: ResourceType<AnyObject>;
  readonly verbs: ReadonlySet<string>;
}

interface WireGroupList {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions?: readonly WireVersion[];
  }[];
}

interface WireVersion {
  readonly version: string;
  readonly resources?: readonly {
    readonly resource: string;
    readonly responseKind?: { readonly kind: string };
    readonly scope: 'Namespaced' | 'Cluster';
    readonly verbs?: readonly string[];
  }[];
}

const accept = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/**
 * Every kind of the server, custom ones included, each in the group's preferred version that has it.
 * @see https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
 */
export async function discoverResources(client: ApiClient): Promise<readonly DiscoveredResource[]> {
  const lists = await Promise.all(['/api', '/apis'].map((path) => fetchGroups(client, path)));
  const found = new Map<string, DiscoveredResource>();
  for (const { metadata, versions } of lists.flatMap(({ items }) => items ?? [])) {
    const group = metadata?.name ?? '';
    for (const version of versions ?? [])
      for (const resource of toResources(group, version)) {
        const key = `${resource.type.plural}.${group}`;
        if (!found.has(key)) found.set(key, resource);
      }
  }
  return [...found.values()];
}

async function fetchGroups(client: ApiClient, path: string): Promise<WireGroupList> {
  const { status, body } = await client.request({ method: 'GET', path, headers: { accept } });
  if (status !== 200) throw new Error(`discover ${path}: HTTP status ${status}`);
  return JSON.parse(body.toString('utf8')) as WireGroupList;
}

function toResources(group: string, { version, resources }: WireVersion): DiscoveredResource[] {
  return (resources ?? []).map(({ resource, responseKind, scope, verbs }) => ({
    type: {
      group,
      version,
      kind: responseKind?.kind ?? '',
      plural: resource,
      namespaced: scope === 'Namespaced',
    },
    verbs: new Set(verbs ?? []),
  }));
}
