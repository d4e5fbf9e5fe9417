import type { Registry } from '../registry/registry.ts';
import type { KindStrategy } from '../registry/strategy.ts';
import { type Answer, methodNotAllowed, noSuchResource } from './answer.ts';
import type { ApiRequest, ResourceRequest } from './api-request.ts';
import { getObject, type ListDependencies, listOrWatch } from './reads.ts';
import { WatchStreams } from './watch-response.ts';
import {
  createResource,
  deleteCollection,
  deleteResource,
  patchResource,
  updateResource,
  type WriteDependencies,
} from './writes.ts';

/** An answer to send; nothing when the handler has written the response itself. */
export type Handled = Answer | undefined;
export type ResourceHandler = (request: ResourceRequest) => Promise<Handled>;

/** A subresource: its handlers by verb. */
export interface SubresourceRoutes {
  readonly get?: ResourceHandler;
  readonly create?: ResourceHandler;
  readonly update?: ResourceHandler;
  readonly patch?: ResourceHandler;
  readonly delete?: ResourceHandler;
  /** OPTIONS, which only a proxy passes on. */
  readonly options?: ResourceHandler;
}

/** Resources that are asked by POST and never stored, by `group/version/plural`. */
export type VirtualHandler = (request: ApiRequest) => Promise<Handled>;

export interface Routes {
  /** By `group/plural/subresource`; `*` in place of group and plural for every kind that has the subresource. */
  readonly subresources: ReadonlyMap<string, SubresourceRoutes>;
  readonly virtual: ReadonlyMap<string, VirtualHandler>;
  /** Resources that are read and never stored: their handlers look at the verb themselves. */
  readonly computed: ReadonlyMap<string, VirtualHandler>;
  /** Resources that the cache makes of others, by `group/version/plural`. */
  readonly derived: ReadonlyMap<string, KindStrategy>;
}

/** Finds what a resource request is for. */
export class Router {
  readonly #deps: WriteDependencies & ListDependencies;
  readonly #registry: Registry;
  readonly #routes: Routes;

  constructor(deps: WriteDependencies, routes: Routes) {
    const watches = new WatchStreams({ ...deps, signal: deps.stopping });
    this.#deps = { ...deps, watches };
    this.#registry = deps.registry;
    this.#routes = routes;
  }

  async route(request: ApiRequest): Promise<Handled> {
    const { group, version, resource, subresource, namespace } = request.info;
    const virtual = this.#routes.virtual.get(`${group}/${version}/${resource}`);
    if (virtual !== undefined && request.info.name === '') {
      if (request.info.verb !== 'create') throw methodNotAllowed();
      return virtual(request);
    }
    const computed = this.#routes.computed.get(`${group}/${version}/${resource}`);
    if (computed !== undefined && subresource === '') return computed(request);
    const derived = this.#routes.derived.get(`${group}/${version}/${resource}`);
    const strategy = derived ?? this.#registry.byResource(group, version, resource);
    if (strategy === undefined) throw noSuchResource();
    if (derived !== undefined && !derived.kind.verbs.includes(request.info.verb)) throw methodNotAllowed();
    const scoped = scopedRequest({ ...request, strategy });
    if (scoped === undefined || (namespace !== '' && !strategy.kind.namespaced && resource !== 'namespaces'))
      throw noSuchResource();
    return subresource === '' ? this.#main(scoped) : this.#sub(scoped, strategy);
  }

  async #main(request: ResourceRequest): Promise<Handled> {
    const { verb, name, namespace } = request.info;
    const { kind } = request.strategy;
    if (kind.namespaced && namespace === '' && verb !== 'list' && verb !== 'watch') throw methodNotAllowed();
    switch (verb) {
      case 'get':
        return getObject(this.#deps, request);
      case 'list':
      case 'watch':
        await listOrWatch(this.#deps, request);
        return undefined;
      case 'create':
        if (name !== '') throw methodNotAllowed();
        return createResource(this.#deps, request);
      case 'update':
        if (name === '') throw methodNotAllowed();
        return updateResource(this.#deps, request);
      case 'patch':
        if (name === '') throw methodNotAllowed();
        return patchResource(this.#deps, request);
      case 'delete':
        return deleteResource(this.#deps, request);
      case 'deletecollection':
        if (!kind.verbs.includes('deletecollection')) throw methodNotAllowed();
        await deleteCollection(this.#deps, request);
        return undefined;
      default:
        throw methodNotAllowed();
    }
  }

  async #sub(request: ResourceRequest, strategy: KindStrategy): Promise<Handled> {
    const { verb, subresource, name } = request.info;
    const { kind } = strategy;
    // One of ours is known by its route alone: Kubernetes' list of the kind's subresources does not have it.
    const own = this.#routes.subresources.get(`${kind.group}/${kind.plural}/${subresource}`);
    const isKnown = own !== undefined || kind.subresources.some((known) => known.name === subresource);
    if (name === '' || !isKnown) throw noSuchResource();
    const routes = own ?? this.#routes.subresources.get(`*/${subresource}`);
    if (routes === undefined) throw noSuchResource();
    const handler = handlerOf(routes, verb);
    if (handler === undefined) throw methodNotAllowed();
    return handler(request);
  }
}

/** The routes of `status`: as the object, with the strategy told which part is meant. */
export function statusRoutes(deps: WriteDependencies): SubresourceRoutes {
  return {
    get: (request) => getObject(deps, request),
    update: (request) => updateResource(deps, request),
    patch: (request) => patchResource(deps, request),
  };
}

function handlerOf(routes: SubresourceRoutes, verb: string): ResourceHandler | undefined {
  switch (verb) {
    case 'get':
    case 'create':
    case 'update':
    case 'patch':
    case 'delete':
    case 'options':
      return routes[verb];
    default:
      return undefined;
  }
}

/** The path of a Namespace names it twice over; as an object it is cluster-scoped. */
function scopedRequest(request: ResourceRequest): ResourceRequest | undefined {
  const { info, strategy } = request;
  if (strategy.kind.namespaced || info.namespace === '') return request;
  return { ...request, info: { ...info, namespace: '' } };
}
