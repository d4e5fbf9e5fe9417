import { readFileSync } from 'node:fs';
import { type Clock, delay } from '../base/clock.ts';
import { followFiles, readTexts } from '../base/followed-files.ts';
import { invariant } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { TaskGroup } from '../base/task-group.ts';
import { AdmissionChain, type AdmissionPlugin } from './admission/admission.ts';
import { readAdmissionConfiguration } from './admission/configuration.ts';
import { admissionPlugins } from './admission/plugins.ts';
import { parseRange } from './allocation/ipv4-range.ts';
import { ServiceReserver } from './allocation/service-reserver.ts';
import type { Auditor } from './audit/auditor.ts';
import { createAuditor } from './audit/configuration.ts';
import { createAuthentication } from './authentication/authentication.ts';
import type { FrontProxy } from './authentication/front-proxy.ts';
import { createAuthorization } from './authorization/authorization.ts';
import type { AuthorizerChain } from './authorization/authorizer-chain.ts';
import { Bootstrap } from './bootstrap.ts';
import { Discovery } from './discovery/discovery.ts';
import { fieldReader } from './field-reader.ts';
import type { ApiServerFlags } from './flags.ts';
import { followFlowConfiguration } from './flow-control/flow-configuration.ts';
import { FlowController, type RequestGate } from './flow-control/flow-controller.ts';
import { InflightLimits } from './flow-control/inflight-limits.ts';
import { healthChecks } from './health-checks.ts';
import { FrontDoor } from './http/front-door.ts';
import type { HealthCheck } from './http/health.ts';
import type { RequestInfo } from './http/request-info.ts';
import { Router } from './http/router.ts';
import { HttpServer } from './http/server.ts';
import { gitVersion } from './http/version.ts';
import { Metrics } from './metrics/metrics.ts';
import { metricsKinds } from './metrics-api/metrics-routes.ts';
import { answerOpenApi } from './openapi/answers.ts';
import { OpenApi, servedKinds } from './openapi/openapi.ts';
import { peerDerivation, peerKind } from './peers/peers.ts';
import { createRegistry, type Registry } from './registry/registry.ts';
import { createRoutes } from './routes.ts';
import { kindSemantics } from './semantics.ts';
import type { EncryptionKeys } from './storage/encryption/encryption-keys.ts';
import { MeasuredStorage } from './storage/measured-storage.ts';
import type { Storage } from './storage/storage.ts';
import { EventSweeper } from './store/event-sweeper.ts';
import { ObjectSource } from './store/object-source.ts';
import { ObjectStore } from './store/object-store.ts';
import { AgentClient, type AgentTls } from './streaming/agent-client.ts';
import { Upgrades } from './streaming/upgrades.ts';
import { bulkBindingKind } from './subresources/bulk-binding.ts';
import { bulkEventKind } from './subresources/bulk-event.ts';
import { bulkPreemptionKind } from './subresources/bulk-preemption.ts';
import { bulkRenewalKind } from './subresources/bulk-renewal.ts';
import { foreseePodWith } from './subresources/foreseen-pod.ts';
import { LeadingScheduler, type SchedulerTls } from './subresources/leading-scheduler.ts';
import { placementSubresource } from './subresources/placement.ts';
import { WatchCache } from './watch-cache/watch-cache.ts';

/** Requests under way at the end get this long to be answered. */
const drainMs = 10_000;
/** Those that are stored nowhere. */
const ownKinds = [bulkBindingKind, bulkEventKind, bulkPreemptionKind, bulkRenewalKind, peerKind];
/** As Kubernetes estimates lists. */
const objectsPerSeat = 100;
const maxSeats = 10;

export interface ApiServerOptions {
  readonly flags: ApiServerFlags;
  readonly storage: Storage;
  /** The keys that `storage` encrypts with; the server agrees on them with the others. */
  readonly encryption?: EncryptionKeys | undefined;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** The whole API server. Several may run on one store. */
export class ApiServer {
  readonly #options: ApiServerOptions;
  readonly #registry: Registry;
  readonly #metrics: Metrics;
  readonly #cache: WatchCache;
  readonly #authorizer: AuthorizerChain;
  readonly #flow: FlowController;
  readonly #auditor: Auditor | undefined;
  readonly #store: ObjectStore;
  readonly #stopping = new AbortController();
  readonly #agents: AgentClient;
  readonly #scheduler: LeadingScheduler;
  readonly #http: HttpServer;
  #upgrades: Upgrades | undefined;
  #frontProxy: FrontProxy | undefined;
  readonly #bootstrap: Bootstrap;
  #bootstrapped = false;
  #isEnding = false;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    const { clock, random, logger } = options;
    this.#registry = createRegistry({ namesNoActor: options.flags.warnNoActor });
    this.#metrics = new Metrics({
      connections: () => this.#http.connections,
      watchers: () => this.#cache.watchers,
      objects: () => this.#cache.sizes(),
      levels: () => this.#flow.levels,
      audit: () => this.#auditor?.figures,
    });
    const metrics = this.#metrics;
    const storage = new MeasuredStorage(options.storage, clock, (...done) => metrics.stored(...done));
    this.#cache = new WatchCache({
      ...{ storage, clock, logger, fieldsOf: fieldReader(this.#registry) },
      ...{ busyMs, derivations: [peerDerivation] },
      onSent: (...sent) => metrics.watched(...sent),
    });
    const { authorizer, escalation } = createAuthorization(this.#cache);
    this.#authorizer = authorizer;
    this.#flow = this.#flowController();
    this.#auditor = createAuditor(options.flags.audit, options);
    this.#scheduler = new LeadingScheduler({
      ...{ cache: this.#cache, clock, tls: schedulerTls(options.flags) },
    });
    this.#store = new ObjectStore({
      foreseePod: foreseePodWith(this.#scheduler),
      ...{ storage, clock, random, logger, semantics: kindSemantics, cache: this.#cache },
      source: new ObjectSource(storage, this.#cache),
      admission: this.#admission(storage, escalation),
      reservers: new Map([['/services', this.#serviceReserver()]]),
    });
    this.#bootstrap = new Bootstrap({
      ...options,
      store: this.#store,
      registry: this.#registry,
      cache: this.#cache,
    });
    this.#agents = new AgentClient(agentTls(options.flags));
    this.#http = this.#createHttp();
  }

  /** The port that it listens on, once it runs. */
  get port(): number {
    return this.#http.port;
  }

  /** Serves until `signal` aborts, then ends watches in order and closes. */
  async run(signal: AbortSignal): Promise<void> {
    const { flags, logger, clock, storage } = this.#options;
    this.#metrics.begin();
    const cacheLife = new AbortController();
    const tasks = new TaskGroup();
    tasks.start(() => this.#cache.run(cacheLife.signal));
    try {
      await this.#cache.whenReady(signal);
      await this.#bootstrap.ensureObjects();
      await this.#http.listen(flags.bindAddresses, flags.securePort);
      this.#bootstrapped = true;
      logger.info({ addresses: flags.bindAddresses, port: this.#http.port }, 'serving');
      const sweeper = new EventSweeper({ cache: this.#cache, storage, clock, logger });
      const chores = Promise.all([
        this.#bootstrap.run(signal),
        sweeper.run(signal),
        this.#followCertificates(signal),
      ]);
      await Promise.race([chores, tasks.join()]);
    } catch (error) {
      // An abort while starting is an order to stop, not a failure.
      if (!signal.aborted) throw error;
    } finally {
      // Not ready from now on; whoever looks only now and then is served until he has looked.
      this.#isEnding = true;
      await delay(clock, flags.shutdownDelayMs);
      this.#http.stopListening();
      this.#stopping.abort();
      this.#upgrades?.close();
      await this.#http.drain(clock, drainMs);
      await this.#http.close();
      this.#agents.close();
      this.#scheduler.close();
      await this.#auditor?.close();
      cacheLife.abort();
      await storage.close();
      await tasks.join();
    }
  }

  /** Certificates are renewed in place while the server runs. */
  async #followCertificates(signal: AbortSignal): Promise<void> {
    const { flags, clock, logger } = this.#options;
    const proxies = flags.frontProxy.caFile === undefined ? [] : [flags.frontProxy.caFile];
    const serving = [flags.tlsPrivateKeyFile, flags.tlsCertFile, flags.clientCaFile, ...proxies];
    const agents = agentTlsFiles(flags);
    const scheduler = [flags.proxyClientCertFile, flags.proxyClientKeyFile].filter(
      (file) => file !== undefined,
    );
    const common = { clock, logger };
    await Promise.all([
      followFiles(
        {
          ...{ ...common, what: 'serving certificate', paths: serving, known: await readTexts(serving) },
          take: ([key = '', certificate = '', clientCa = '', proxyCa = '']) => {
            this.#http.renew({ key, certificate, clientCa: `${clientCa}\n${proxyCa}` });
            this.#frontProxy?.renew({ clientCa, proxyCa });
          },
        },
        signal,
      ),
      followFiles(
        {
          ...{
            ...common,
            what: 'certificate towards the agents',
            paths: agents,
            known: await readTexts(agents),
          },
          take: () => this.#agents.renew(agentTls(flags)),
        },
        signal,
      ),
      followFiles(
        {
          ...{ ...common, what: 'certificate towards the scheduler', paths: scheduler },
          known: await readTexts(scheduler),
          take: () => this.#scheduler.renew(schedulerTls(flags)),
        },
        signal,
      ),
    ]);
  }

  #admission(storage: Storage, escalation: AdmissionPlugin): AdmissionChain {
    const { flags, clock, random } = this.#options;
    const file = flags.admissionControlConfigFile;
    const plugins = admissionPlugins({
      ...{ cache: this.#cache, storage, clock, random, authorizer: this.#authorizer },
      registry: this.#registry,
      configuration: file === undefined ? undefined : readAdmissionConfiguration(file),
    });
    return new AdmissionChain([...plugins, escalation]);
  }

  #flowController(): FlowController {
    const { flags, clock } = this.#options;
    const flow = new FlowController({ seats: flags.seats, clock, busyMs, observer: this.#metrics.flow });
    followFlowConfiguration(this.#cache, flow);
    return flow;
  }

  #gate(): RequestGate {
    const { fairness, inflight } = this.#options.flags;
    return fairness ? this.#flow : new InflightLimits(inflight);
  }

  /** A list takes more seats the longer it may be. */
  #widthOf({ verb, group, resource, name }: RequestInfo): number {
    if (verb !== 'list' || name !== '') return 1;
    return Math.max(
      1,
      Math.min(maxSeats, Math.ceil(this.#cache.count(`${group}/${resource}`) / objectsPerSeat)),
    );
  }

  #serviceReserver(): ServiceReserver {
    const { flags, clock, random } = this.#options;
    const services = this.#registry.byResource('', 'v1', 'services');
    invariant(services !== undefined, 'services are served');
    return new ServiceReserver({
      ...{ cache: this.#cache, kind: services.kind, clock, random },
      addresses: parseRange(flags.serviceClusterIpRange),
      ports: flags.serviceNodePortRange,
    });
  }

  #createHttp(): HttpServer {
    const { flags, clock, random, logger } = this.#options;
    const metrics = this.#metrics;
    const authorizer = this.#authorizer;
    const authentication = createAuthentication({ flags, cache: this.#cache, clock });
    const { authenticator, signer, openid } = authentication;
    this.#frontProxy = authentication.frontProxy;
    const deps = {
      ...{ authorizer, rules: authorizer, authenticator, signer },
      ...{ store: this.#store, cache: this.#cache, registry: this.#registry, clock, random },
      ...{ agents: this.#agents, scheduler: this.#scheduler, stopping: this.#stopping.signal },
    };
    const openapi = new OpenApi(servedKinds(this.#registry), gitVersion);
    const door = new FrontDoor({
      ...{ clock, logger, metrics, checks: this.#checks() },
      ...{ authenticator, authorizer, openid, flow: this.#gate(), auditor: this.#auditor },
      widthOf: (info) => this.#widthOf(info),
      router: new Router(deps, createRoutes(deps)),
      discovery: new Discovery(this.#registry, [...ownKinds, ...metricsKinds], ownSubresources),
      openapi: (request) => answerOpenApi(openapi, request),
    });
    const pods = this.#registry.byResource('', 'v1', 'pods');
    invariant(pods !== undefined, 'pods are served');
    const upgrades = new Upgrades({
      ...{ agents: this.#agents, store: this.#store, cache: this.#cache, pods, logger, random },
      admit: (incoming, info) => door.admit(incoming, info),
    });
    this.#upgrades = upgrades;
    return new HttpServer({
      key: readFileSync(flags.tlsPrivateKeyFile),
      certificate: readFileSync(flags.tlsCertFile),
      clientCa: authorities(flags),
      ...{ clock, logger },
      serve: (incoming, response) => door.serve(incoming, response),
      upgrade: (incoming, socket, head) => void upgrades.serve(incoming, socket, head),
    });
  }

  #checks(): HealthCheck[] {
    const { storage, clock } = this.#options;
    return healthChecks({
      ...{ storage, clock },
      isBootstrapped: () => this.#bootstrapped,
      isCacheReady: () => this.#cache.isReady,
      isStopping: () => this.#isEnding,
    });
  }
}

const busyMs = (): number => performance.eventLoopUtilization().active;

const ownSubresources = new Map([['/v1/pods', [placementSubresource]]]);

function schedulerTls({
  proxyClientCertFile,
  proxyClientKeyFile,
  clientCaFile,
}: ApiServerFlags): SchedulerTls {
  const read = (file: string | undefined): Buffer | undefined =>
    file === undefined ? undefined : readFileSync(file);
  return { cert: read(proxyClientCertFile), key: read(proxyClientKeyFile), ca: read(clientCaFile) };
}

/** Whose certificates are looked at: of clients, and of proxies that speak for others. */
function authorities({ clientCaFile, frontProxy }: ApiServerFlags): string {
  const files = [clientCaFile, ...(frontProxy.caFile === undefined ? [] : [frontProxy.caFile])];
  return files.map((file) => readFileSync(file, 'utf8')).join('\n');
}

function agentTlsFiles(flags: ApiServerFlags): string[] {
  const { kubeletClientCertificate, kubeletClientKey, kubeletCertificateAuthority } = flags;
  const files = [kubeletClientCertificate, kubeletClientKey, kubeletCertificateAuthority];
  return files.filter((file) => file !== undefined);
}

function agentTls(flags: ApiServerFlags): AgentTls {
  const read = (file: string | undefined): Buffer | undefined =>
    file === undefined ? undefined : readFileSync(file);
  return {
    cert: read(flags.kubeletClientCertificate),
    key: read(flags.kubeletClientKey),
    ca: read(flags.kubeletCertificateAuthority),
  };
}
