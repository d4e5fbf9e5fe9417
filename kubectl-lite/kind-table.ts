import { discoveredKinds } from '../api/generated/kinds.ts';
import { type AnyObject, type KindInfo, toApiVersion } from '../api/kind-info.ts';
import type { Api } from './api.ts';
import { usageError } from './cli-error.ts';

interface DiscoveredResource {
  readonly resource: string;
  readonly responseKind?: { readonly kind: string };
  readonly scope: string;
  readonly singularResource?: string;
  readonly verbs: readonly string[];
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
}

interface DiscoveredGroups {
  readonly items?: readonly {
    readonly metadata?: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources?: readonly DiscoveredResource[];
    }[];
  }[];
}

const aggregated = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

/** Kinds by the names that users give them. The built-in ones cost no request; others are asked of the server. */
export class KindTable {
  readonly #api: Api;
  #discovered: readonly KindInfo[] | undefined;

  constructor(api: Api) {
    this.#api = api;
  }

  /** @param name plural, singular, short or kind, also with `.group` or `.version.group` */
  async byName(name: string): Promise<KindInfo> {
    const found = find(discoveredKinds, name) ?? find(await this.discover(), name);
    if (found === undefined) throw usageError(`the server doesn't have a resource type "${name}"`);
    return found;
  }

  async byKind(apiVersion: string, kind: string): Promise<KindInfo | undefined> {
    const matches = (info: KindInfo): boolean => info.kind === kind && toApiVersion(info) === apiVersion;
    return discoveredKinds.find(matches) ?? (await this.discover()).find(matches);
  }

  async byCategory(category: string): Promise<readonly KindInfo[]> {
    return (await this.discover()).filter((info) => info.categories.includes(category));
  }

  /** What this server serves, the core group first. */
  async discover(): Promise<readonly KindInfo[]> {
    if (this.#discovered !== undefined) return this.#discovered;
    const [core, groups] = await Promise.all(
      ['/api', '/apis'].map((path) => this.#api.send('GET', path, { accept: aggregated })),
    );
    this.#discovered = [...kindsOf(core), ...kindsOf(groups)];
    return this.#discovered;
  }
}

function kindsOf(body: AnyObject | undefined): KindInfo[] {
  const list: DiscoveredGroups = Object(body);
  return (list.items ?? []).flatMap((group) => {
    const [preferred] = group.versions;
    return (preferred?.resources ?? []).map((resource) => ({
      group: group.metadata?.name ?? '',
      version: preferred?.version ?? '',
      kind: resource.responseKind?.kind ?? '',
      plural: resource.resource,
      singular: resource.singularResource ?? '',
      namespaced: resource.scope === 'Namespaced',
      verbs: resource.verbs,
      shortNames: resource.shortNames ?? [],
      categories: resource.categories ?? [],
      subresources: [],
      schema: '',
    }));
  });
}

function find(kinds: readonly KindInfo[], name: string): KindInfo | undefined {
  const [resource = '', ...rest] = name.toLowerCase().split('.');
  const suffix = rest.join('.');
  const candidates = kinds.filter((info) => answersTo(info, resource));
  if (suffix === '') return candidates[0];
  return candidates.find((info) => info.group === suffix || `${info.version}.${info.group}` === suffix);
}

function answersTo(info: KindInfo, name: string): boolean {
  return (
    info.plural === name ||
    info.singular === name ||
    info.shortNames.includes(name) ||
    info.kind.toLowerCase() === name
  );
}

/** `deployment.apps`, `pod`: how kubectl names a kind in front of an object's name. */
export function qualifiedKind(info: KindInfo): string {
  const singular = info.kind.toLowerCase();
  return info.group === '' ? singular : `${singular}.${info.group}`;
}
