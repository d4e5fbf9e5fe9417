import type { AnyObject } from '../../api/kind-info.ts';
import { AdmissionChain } from '../../apiserver/admission/admission.ts';
import { admissionPlugins } from '../../apiserver/admission/plugins.ts';
import { parseRange } from '../../apiserver/allocation/ipv4-range.ts';
import { ServiceReserver } from '../../apiserver/allocation/service-reserver.ts';
import { createAuthorization } from '../../apiserver/authorization/authorization.ts';
import { Discovery } from '../../apiserver/discovery/discovery.ts';
import { errorAnswer, send } from '../../apiserver/http/answer.ts';
import { ClientResponse, type NodeResponse } from '../../apiserver/http/client-response.ts';
import { answerDiscovery } from '../../apiserver/http/discovery-routes.ts';
import { negotiateError } from '../../apiserver/http/negotiation.ts';
import { parseRequestInfo } from '../../apiserver/http/request-info.ts';
import { Router } from '../../apiserver/http/router.ts';
import { createRegistry, type Registry } from '../../apiserver/registry/registry.ts';
import type { UserInfo } from '../../apiserver/registry/strategy.ts';
import { createRoutes } from '../../apiserver/routes.ts';
import { kindSemantics } from '../../apiserver/semantics.ts';
import type { Storage } from '../../apiserver/storage/storage.ts';
import { ObjectSource } from '../../apiserver/store/object-source.ts';
import { ObjectStore } from '../../apiserver/store/object-store.ts';
import { toStatusError } from '../../apiserver/store/storage-failure.ts';
import { AgentClient } from '../../apiserver/streaming/agent-client.ts';
import { bulkBindingKind } from '../../apiserver/subresources/bulk-binding.ts';
import { bulkPreemptionKind } from '../../apiserver/subresources/bulk-preemption.ts';
import { LeadingScheduler } from '../../apiserver/subresources/leading-scheduler.ts';
import { WatchCache } from '../../apiserver/watch-cache/watch-cache.ts';
import { invariant } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import type { RawRequest } from '../../client/client.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface SimulatedApiServerOptions {
  readonly process: SimulatedProcess;
  readonly storage: Storage;
  readonly random: Random;
  readonly logger: Logger;
}

const noTls = { cert: undefined, key: undefined, ca: undefined };
const forever: AbortSignal = new AbortController().signal;
/** Immutable and slow to build: all servers of all runs share it. */
const registry: Registry = createRegistry();
const discovery: Discovery = new Discovery(registry, [bulkBindingKind, bulkPreemptionKind]);

/** An API server without sockets: what stands behind the front door is the real one. */
export class SimulatedApiServer {
  readonly process: SimulatedProcess;
  readonly #router: Router;
  readonly #cache: WatchCache;

  constructor(options: SimulatedApiServerOptions) {
    const { process, storage, random, logger } = options;
    this.process = process;
    const cache = new WatchCache({ storage, clock: process, logger, random, fieldsOf });
    this.#cache = cache;
    const services = registry.byResource('', 'v1', 'services');
    invariant(services !== undefined, 'services are served');
    const reserver = new ServiceReserver({
      ...{ cache, kind: services.kind, clock: process, random },
      addresses: parseRange('10.96.0.0/12'),
      ports: { first: 30_000, last: 32_767 },
    });
    const { authorizer } = createAuthorization(cache);
    const given = { cache, storage, clock: process, random, authorizer, registry };
    const store = new ObjectStore({
      ...{ storage, cache, clock: process, random, logger, semantics: kindSemantics },
      source: new ObjectSource(storage, cache),
      admission: new AdmissionChain(admissionPlugins(given)),
      reservers: new Map([['/services', reserver]]),
    });
    const deps = {
      ...{ authorizer, rules: authorizer },
      ...{ store, cache, registry, clock: process, random, stopping: forever },
      authenticator: undefined,
      signer: undefined,
      agents: new AgentClient(noTls),
      // Simulated schedulers serve no answers: it says so.
      scheduler: new LeadingScheduler({ cache, clock: process, tls: noTls }),
    };
    this.#router = new Router(deps, createRoutes(deps));
  }

  /** Runs for as long as its process lives. */
  run(): Promise<void> {
    return this.#cache.run(forever);
  }

  /** Never rejects: whatever fails is told to the client. */
  async serve(request: RawRequest, user: UserInfo, raw: NodeResponse): Promise<void> {
    const { method, headers = {} } = request;
    const response = new ClientResponse(raw);
    const url = new URL(request.path, 'https://simulated');
    const info = parseRequestInfo(method, url.pathname, isWatch(url.searchParams));
    const body = Buffer.from(request.body ?? '');
    try {
      const query = url.searchParams;
      const asked = { method, info, query, headers, body, user, response };
      const answer = info.isResource ? await this.#router.route(asked) : answerDiscovery(discovery, asked);
      if (answer !== undefined) send(response, answer);
    } catch (error) {
      // The boundary to the client, as the front door's.
      if (response.started) response.end();
      else send(response, errorAnswer(toStatusError(error), negotiateError(headers['accept']?.toString())));
    }
  }
}

const isWatch = (query: URLSearchParams): boolean => !['', '0', 'false'].includes(query.get('watch') ?? '');

const readers: ReadonlyMap<string, ReadonlyMap<string, (object: AnyObject) => string>> = new Map(
  registry.all
    .filter(({ conversion }) => conversion === undefined)
    .map(({ resource, selectableFields }) => [resource, selectableFields]),
);

function fieldsOf(resource: string, object: AnyObject): ReadonlyMap<string, string> {
  return new Map([...(readers.get(resource) ?? [])].map(([field, read]) => [field, read(object)]));
}
