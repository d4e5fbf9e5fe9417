import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import type { Lease } from '../api/generated/coordination-v1.ts';
import type { ServiceCIDRStatus } from '../api/generated/networking-v1.ts';
import type { AnyObject } from '../api/kind-info.ts';
import { everything } from '../api/selector.ts';
import { isAlreadyExists, isConflict, isNotFound, StatusError } from '../api/status-error.ts';
import { type Clock, delay, toMicroTime, toTime } from '../base/clock.ts';
import { invariant } from '../base/invariant.ts';
import type { Logger } from '../base/logger.ts';
import { firstAddress, parseRange } from './allocation/ipv4-range.ts';
import { authenticationConfigMap } from './authentication/front-proxy.ts';
import { bootstrapPolicy } from './authorization/policy/bootstrap-policy.ts';
import { planPolicyObject } from './authorization/policy/reconcile.ts';
import {
  type BootstrapObject,
  encryptionKeysAnnotation,
  endpointObjects,
  flowControlObjects,
  identityLease,
  identityLeaseKind,
  identityLeaseSeconds,
  namespaceObjects,
  priorityClassObjects,
  serviceCidrObject,
  serviceObject,
} from './bootstrap-objects.ts';
import type { ApiServerFlags } from './flags.ts';
import type { Registry } from './registry/registry.ts';
import type { KindStrategy, UserInfo } from './registry/strategy.ts';
import type { EncryptionKeys } from './storage/encryption/encryption-keys.ts';
import type { ObjectStore } from './store/object-store.ts';
import type { ReadCache } from './watch-cache/read-cache.ts';

export interface BootstrapOptions {
  readonly flags: ApiServerFlags;
  readonly store: ObjectStore;
  readonly registry: Registry;
  readonly cache: ReadCache;
  readonly encryption?: EncryptionKeys | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How often a server says that it lives, and looks who else does. */
const renewMs = 10_000;
const attempts = 5;
/** Objects of the policy that are written at a time. */
const policyBatch = 32;
/** A server that was only paused finds its lease again. */
const deadLeaseKeptMs = 600_000;

/** The server's own identity towards the store. */
const self: UserInfo = { name: 'system:apiserver', uid: '', groups: ['system:masters'], extra: {} };

/** What every cluster has before anybody asks. Idempotent, so that each server may do it at its start. */
export class Bootstrap {
  readonly #options: BootstrapOptions;
  readonly #identity: string;

  constructor(options: BootstrapOptions) {
    this.#options = options;
    const { advertiseAddress, securePort } = options.flags;
    const seed = `${hostname()} ${advertiseAddress} ${securePort} ${process.pid}`;
    this.#identity = `apiserver-${createHash('sha256').update(seed).digest('hex').slice(0, 26)}`;
  }

  async ensureObjects(): Promise<void> {
    const { flags } = this.#options;
    const address = firstAddress(parseRange(flags.serviceClusterIpRange));
    const objects = [...namespaceObjects, ...priorityClassObjects, serviceCidrObject(flags)];
    for (const object of [...objects, serviceObject(flags, address)]) await this.#ensure(object);
    await this.#readyServiceCidr();
    await Promise.all(flowControlObjects.map((object) => this.#ensure(object)));
    for (let start = 0; start < bootstrapPolicy.length; start += policyBatch) {
      const batch = bootstrapPolicy.slice(start, start + policyBatch);
      await Promise.all(batch.map((object) => this.#reconcile(object)));
    }
    await this.#publishAuthorities();
    // From here on decisions are made by what has just been written.
    await this.#options.cache.waitCurrent();
    await this.#publish();
  }

  /** The range that services get their addresses from is always ready; nobody else looks after it. */
  async #readyServiceCidr(): Promise<void> {
    const object = serviceCidrObject(this.#options.flags);
    const { name } = object.metadata;
    const condition = {
      ...{ type: 'Ready', status: 'True', reason: '', message: 'Kubernetes default Service CIDR is ready' },
      lastTransitionTime: toTime(this.#options.clock.nowMs()),
    };
    await this.#options.store.mutate({
      ...{ strategy: this.#strategyOf(object), namespace: '', name, subresource: 'status', user: self },
      ...{ dryRun: false, attempts, fieldManager: 'kube-apiserver' },
      next: (current) => {
        const status = current['status'] as ServiceCIDRStatus | undefined;
        const conditions = status?.conditions ?? [];
        if (conditions.some(({ type }) => type === condition.type)) return structuredClone(current);
        return { ...structuredClone(current), status: { conditions: [...conditions, condition] } };
      },
    });
  }

  async #reconcile(expected: BootstrapObject): Promise<void> {
    const { store, cache } = this.#options;
    const strategy = this.#strategyOf(expected);
    const { name, namespace = '' } = expected.metadata;
    const cached = cache.get(strategy.resource, namespace, name);
    if (cached === undefined) return this.#ensure(expected);
    const plan = planPolicyObject(JSON.parse(cached.json.toString()) as AnyObject, expected);
    if (plan.step === 'update') await this.#replace(strategy, namespace, plan.object);
    if (plan.step !== 'recreate') return;
    await store.delete({
      ...{ strategy, namespace, name, subresource: '', user: self, dryRun: false },
      ...{ gracePeriodSeconds: undefined, propagation: undefined, preconditions: {} },
    });
    await this.#ensure(expected);
  }

  async #replace(strategy: KindStrategy, namespace: string, object: AnyObject): Promise<void> {
    const { name = '' } = object.metadata;
    try {
      await this.#options.store.mutate({
        ...{ strategy, namespace, name, subresource: '', user: self, dryRun: false, attempts },
        fieldManager: 'kube-apiserver',
        next: () => structuredClone(object),
      });
    } catch (error) {
      // Another server does the same at the same time.
      if (!isConflict(error)) throw error;
    }
  }

  /** Until the server ends: keeps its lease and the endpoints of the `kubernetes` Service. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      await delay(clock, renewMs, signal);
      if (signal.aborted) break;
      try {
        await this.#publish();
      } catch (error) {
        // The store may be away for a while; the lease lasts three rounds.
        logger.warn({ err: error }, 'the server could not renew its lease');
      }
    }
    try {
      await this.#removeLease(this.#identity);
    } catch (error) {
      // Then the others take this server for a living one until the lease ends.
      logger.warn({ err: error }, 'the server could not take back its lease');
    }
  }

  /** For API servers that this one would stand in front of. @see https://kubernetes.io/docs/tasks/extend-kubernetes/configure-aggregation-layer/ */
  async #publishAuthorities(): Promise<void> {
    const { clientCaFile, frontProxy } = this.#options.flags;
    const { caFile } = frontProxy;
    const proxyCa = caFile === undefined ? undefined : readFileSync(caFile, 'utf8');
    const data = authenticationConfigMap(frontProxy, {
      clientCa: readFileSync(clientCaFile, 'utf8'),
      proxyCa,
    });
    const metadata = { name: 'extension-apiserver-authentication', namespace: 'kube-system' };
    await this.#put({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data });
  }

  async #publish(): Promise<void> {
    const { clock, flags, encryption } = this.#options;
    const now = toMicroTime(clock.nowMs());
    encryption?.reload();
    const keys = encryption?.announcement ?? '';
    await this.#put(identityLease(this.#identity, flags.advertiseAddress, { now }, keys));
    const { living, dead } = this.#otherServers();
    for (const { metadata } of dead) await this.#removeLease(metadata.name);
    encryption?.agree(living.map(({ metadata }) => metadata.annotations?.[encryptionKeysAnnotation] ?? ''));
    const addresses = this.#addressesOf(living);
    // A server that only this machine reaches is nobody's endpoint.
    if (addresses.length === 0) return;
    const { endpoints, slice } = endpointObjects(flags, addresses);
    await this.#put(endpoints);
    await this.#put(slice);
  }

  /** Their leases. A server that crashed leaves one behind. */
  #otherServers(): { readonly living: Lease[]; readonly dead: Lease[] } {
    const { cache, clock } = this.#options;
    const { objects } = cache.list({
      resource: 'coordination.k8s.io/leases',
      namespace: 'kube-system',
      labels: [{ key: 'apiserver.kubernetes.io/identity', operator: 'in', values: ['kube-apiserver'] }],
      fields: everything,
    });
    const oldestMs = clock.nowMs() - identityLeaseSeconds * 1000;
    const leases = objects
      .map(({ json }) => JSON.parse(json.toString()) as Lease)
      .filter(({ metadata }) => metadata.name !== this.#identity);
    const renewedMs = ({ spec }: Lease): number => Date.parse(spec?.renewTime ?? '');
    return {
      living: leases.filter((lease) => renewedMs(lease) >= oldestMs),
      dead: leases.filter((lease) => renewedMs(lease) < oldestMs - deadLeaseKeptMs),
    };
  }

  async #removeLease(name: string): Promise<void> {
    const strategy = this.#strategyOf({ ...identityLeaseKind, metadata: { name } });
    const request = { strategy, namespace: 'kube-system', name, subresource: '', user: self, dryRun: false };
    const options = { gracePeriodSeconds: undefined, propagation: undefined, preconditions: {} };
    try {
      await this.#options.store.delete({ ...request, ...options });
    } catch (error) {
      // Another server was first.
      if (!isNotFound(error)) throw error;
    }
  }

  #addressesOf(servers: readonly Lease[]): string[] {
    const own = this.#options.flags.advertiseAddress;
    const others = servers.map(({ metadata }) => metadata.labels?.['coracle.dev/address'] ?? '');
    return [...new Set([own, ...others])]
      .filter((address) => address !== '' && !address.startsWith('127.'))
      .sort();
  }

  #strategyOf(object: BootstrapObject): KindStrategy {
    const [version = '', group = ''] = object.apiVersion.split('/').reverse();
    const strategy = this.#options.registry.byKind(group, version, object.kind);
    invariant(strategy !== undefined, `kind ${object.kind} is served`);
    return strategy;
  }

  async #ensure(object: BootstrapObject): Promise<void> {
    const strategy = this.#strategyOf(object);
    const { name, namespace = '' } = object.metadata;
    const { store, cache } = this.#options;
    if (cache.get(strategy.resource, namespace, name) !== undefined) return;
    try {
      await store.create({
        ...{ strategy, namespace, name: '', subresource: '', user: self, dryRun: false },
        ...{ object: toObject(object), fieldManager: 'kube-apiserver' },
      });
    } catch (error) {
      // Another server was first, or the Service has its address already: both are what we want.
      const hasAddress = object.kind === 'Service' && error instanceof StatusError && error.code === 422;
      if (!isAlreadyExists(error) && !hasAddress) throw error;
    }
  }

  /** Creates or replaces. */
  async #put(object: BootstrapObject): Promise<void> {
    const strategy = this.#strategyOf(object);
    const { name, namespace = '' } = object.metadata;
    try {
      await this.#options.store.mutate({
        ...{ strategy, namespace, name, subresource: '', user: self, dryRun: false, attempts },
        fieldManager: 'kube-apiserver',
        next: (current) => ({ ...toObject(object), metadata: { ...current.metadata, ...object.metadata } }),
        whenAbsent: () => toObject(object),
      });
    } catch (error) {
      // Another server starts at the same time and was first; the next round adds what it did not know.
      if (!isAlreadyExists(error) && !isConflict(error)) throw error;
    }
  }
}

const toObject = (object: BootstrapObject): AnyObject => structuredClone(object) as AnyObject;
