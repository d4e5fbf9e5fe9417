import { createHash } from 'node:crypto';
import { discoveredKinds } from '../../api/generated/kinds.ts';
import type { KindInfo, SubresourceInfo } from '../../api/kind-info.ts';
import type { Registry } from '../registry/registry.ts';

/** A group with its versions, the preferred one first. */
interface Group {
  readonly name: string;
  readonly versions: readonly { readonly version: string; readonly kinds: readonly KindInfo[] }[];
}

/** One document of discovery, rendered once. */
export interface DiscoveryDocument {
  readonly body: Buffer;
  readonly etag: string;
}

/** The order in which Kubernetes lists its groups; others follow by name. */
const groupOrder = [
  '',
  'apiregistration.k8s.io',
  'apps',
  'events.k8s.io',
  'authentication.k8s.io',
  'authorization.k8s.io',
  'autoscaling',
  'batch',
  'certificates.k8s.io',
  'networking.k8s.io',
  'policy',
  'rbac.authorization.k8s.io',
  'storage.k8s.io',
  'admissionregistration.k8s.io',
  'apiextensions.k8s.io',
  'scheduling.k8s.io',
  'coordination.k8s.io',
  'node.k8s.io',
  'discovery.k8s.io',
  'flowcontrol.apiserver.k8s.io',
];

const rank = (name: string): number => {
  const at = groupOrder.indexOf(name);
  return at < 0 ? groupOrder.length : at;
};

/** Subresources of ours, by `<group>/<version>/<plural>`: shown in the aggregated form, beside Kubernetes' own. */
export type OwnSubresources = ReadonlyMap<string, readonly SubresourceInfo[]>;

/** Newer stable versions first. */
const byVersion = (a: string, b: string): number => b.localeCompare(a, 'en', { numeric: true });

/** What the server offers, in the aggregated and in the older form. @see apidiscovery.k8s.io/v2 */
export class Discovery {
  readonly #groups: readonly Group[];
  readonly #own: OwnSubresources;
  readonly #documents = new Map<string, DiscoveryDocument>();

  constructor(registry: Registry, extra: readonly KindInfo[] = [], own: OwnSubresources = new Map()) {
    this.#own = own;
    const served = discoveredKinds.filter(
      (kind) =>
        !kind.verbs.includes('list') ||
        kind.kind === 'ComponentStatus' ||
        registry.byResource(kind.group, kind.version, kind.plural) !== undefined,
    );
    const kinds = [...served, ...extra];
    const names = [...new Set(kinds.map((kind) => kind.group))].sort(
      (a, b) => rank(a) - rank(b) || (a < b ? -1 : 1),
    );
    this.#groups = names.map((name) => {
      const own = kinds.filter((kind) => kind.group === name);
      const versions = [...new Set(own.map((kind) => kind.version))].sort(byVersion);
      return {
        name,
        versions: versions.map((version) => ({
          version,
          kinds: own.filter((kind) => kind.version === version),
        })),
      };
    });
  }

  hasGroup(name: string): boolean {
    return this.#groups.some((group) => group.name === name);
  }

  /** `/api` or `/apis` with everything below. */
  aggregated(core: boolean): DiscoveryDocument {
    return this.#document(`aggregated ${core}`, () => ({
      kind: 'APIGroupDiscoveryList',
      apiVersion: 'apidiscovery.k8s.io/v2',
      metadata: {},
      items: this.#groups
        .filter((group) => (group.name === '') === core)
        .map((group) => this.#aggregatedGroup(group)),
    }));
  }

  /** The older `/api`. */
  coreVersions(): DiscoveryDocument {
    return this.#document('core versions', () => ({
      kind: 'APIVersions',
      versions: this.#groups.find((group) => group.name === '')?.versions.map(({ version }) => version) ?? [],
      serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress: '' }],
    }));
  }

  /** The older `/apis`. */
  groupList(): DiscoveryDocument {
    return this.#document('groups', () => ({
      kind: 'APIGroupList',
      apiVersion: 'v1',
      groups: this.#groups.filter((group) => group.name !== '').map(legacyGroup),
    }));
  }

  /** The older `/apis/<group>`. */
  group(name: string): DiscoveryDocument | undefined {
    const group = this.#groups.find((candidate) => candidate.name === name && name !== '');
    if (group === undefined) return undefined;
    return this.#document(`group ${name}`, () => ({
      kind: 'APIGroup',
      apiVersion: 'v1',
      ...legacyGroup(group),
    }));
  }

  /** The older `/api/v1` and `/apis/<group>/<version>`. */
  resources(groupName: string, version: string): DiscoveryDocument | undefined {
    const group = this.#groups.find((candidate) => candidate.name === groupName);
    const found = group?.versions.find((candidate) => candidate.version === version);
    if (found === undefined) return undefined;
    return this.#document(`resources ${groupName}/${version}`, () => ({
      kind: 'APIResourceList',
      ...(groupName === '' ? {} : { apiVersion: 'v1' }),
      groupVersion: groupName === '' ? version : `${groupName}/${version}`,
      resources: found.kinds.flatMap(legacyResources),
    }));
  }

  #aggregatedGroup(group: Group): object {
    return {
      metadata: group.name === '' ? {} : { name: group.name },
      versions: group.versions.map(({ version, kinds }) => ({
        version,
        resources: kinds.map((kind) => {
          const own = this.#own.get(`${kind.group}/${kind.version}/${kind.plural}`) ?? [];
          return aggregatedResource({ ...kind, subresources: [...kind.subresources, ...own] });
        }),
        freshness: 'Current',
      })),
    };
  }

  #document(id: string, build: () => object): DiscoveryDocument {
    const known = this.#documents.get(id);
    if (known !== undefined) return known;
    const body = Buffer.from(`${JSON.stringify(build())}\n`);
    const hash = createHash('sha512').update(body).digest('hex').toUpperCase();
    const document = { body, etag: `"${hash}"` };
    this.#documents.set(id, document);
    return document;
  }
}

type Versioned = { readonly group: string; readonly version: string; readonly kind: string };

/** Empty group and version mean those of the resource. */
function responseKind(type: Versioned, resource: Versioned): object {
  const own = type.group === resource.group && type.version === resource.version;
  return own
    ? { group: '', version: '', kind: type.kind }
    : { group: type.group, version: type.version, kind: type.kind };
}

function aggregatedResource(kind: KindInfo): object {
  return {
    resource: kind.plural,
    responseKind: responseKind(kind, kind),
    scope: kind.namespaced ? 'Namespaced' : 'Cluster',
    singularResource: kind.singular,
    verbs: kind.verbs,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(kind.subresources.length === 0
      ? {}
      : {
          subresources: kind.subresources.map((subresource) => ({
            subresource: subresource.name,
            responseKind: responseKind(subresource, kind),
            verbs: subresource.verbs,
          })),
        }),
  };
}

function legacyGroup(group: Group): object {
  const versions = group.versions.map(({ version }) => ({
    groupVersion: `${group.name}/${version}`,
    version,
  }));
  return { name: group.name, versions, preferredVersion: versions[0] };
}

function legacyResources(kind: KindInfo): object[] {
  const main = {
    name: kind.plural,
    singularName: kind.singular,
    namespaced: kind.namespaced,
    kind: kind.kind,
    verbs: kind.verbs,
    ...(kind.shortNames.length === 0 ? {} : { shortNames: kind.shortNames }),
    ...(kind.categories.length === 0 ? {} : { categories: kind.categories }),
    ...(kind.verbs.includes('list') ? { storageVersionHash: storageVersionHash(kind) } : {}),
  };
  return [main, ...kind.subresources.map((subresource) => legacySubresource(kind, subresource))];
}

function legacySubresource(kind: KindInfo, subresource: SubresourceInfo): object {
  const foreign = subresource.group !== kind.group || subresource.version !== kind.version;
  return {
    name: `${kind.plural}/${subresource.name}`,
    singularName: '',
    namespaced: kind.namespaced,
    ...(foreign ? { group: subresource.group, version: subresource.version } : {}),
    kind: subresource.kind,
    verbs: subresource.verbs,
  };
}

/** Changes when the stored version does: clients migrate by it. */
function storageVersionHash(kind: KindInfo): string {
  const text = `${kind.group}/${kind.version}/${kind.kind}`;
  return createHash('sha256').update(text).digest().subarray(0, 8).toString('base64');
}
