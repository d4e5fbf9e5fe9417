import { type Clock, delay } from '../base/clock.ts';
import type { HealthCheck, HealthEndpoint } from './http/health.ts';
import type { Storage } from './storage/storage.ts';

/** As Kubernetes waits for etcd. */
const storeMs = 2_000;

const everywhere: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];
const readiness: readonly HealthEndpoint[] = ['readyz'];
/** What follows the store. */
const cacheHooks = [
  'poststarthook/generic-apiserver-start-informers',
  'poststarthook/priority-and-fairness-config-consumer',
];
/** What a server does once, before it takes requests. */
const startHooks = [
  'poststarthook/start-system-namespaces-controller',
  'poststarthook/start-cluster-authentication-info-controller',
  'poststarthook/start-kube-apiserver-identity-lease-controller',
  'poststarthook/rbac/bootstrap-roles',
  'poststarthook/scheduling/bootstrap-system-priority-classes',
  'poststarthook/priority-and-fairness-config-producer',
  'poststarthook/bootstrap-controller',
  'poststarthook/start-kubernetes-service-cidr-controller',
];

export interface ServerCondition {
  readonly storage: Storage;
  readonly clock: Clock;
  /** The objects that every cluster has are there. */
  isBootstrapped(): boolean;
  isCacheReady(): boolean;
  isStopping(): boolean;
}

export function healthChecks(server: ServerCondition): HealthCheck[] {
  const hooksOf = (names: readonly string[], isDone: () => boolean): HealthCheck[] =>
    names.map((name) => ({
      ...{ name, endpoints: everywhere },
      check: () => (isDone() ? undefined : 'not finished'),
    }));
  return [
    { name: 'ping', endpoints: everywhere, check: () => undefined },
    { name: 'log', endpoints: everywhere, check: () => undefined },
    { name: 'etcd', endpoints: everywhere, check: () => problemOfStore(server) },
    { name: 'etcd-readiness', endpoints: readiness, check: () => problemOfStore(server) },
    {
      ...{ name: 'informer-sync', endpoints: readiness },
      check: () => (server.isCacheReady() ? undefined : 'the watch cache is loading'),
    },
    ...hooksOf(cacheHooks, () => server.isCacheReady()),
    ...hooksOf(startHooks, () => server.isBootstrapped()),
    {
      ...{ name: 'shutdown', endpoints: readiness },
      check: () => (server.isStopping() ? 'process is shutting down' : undefined),
    },
  ];
}

/** What keeps the store from answering; undefined when it answers. */
export async function problemOfStore({
  storage,
  clock,
}: Pick<ServerCondition, 'storage' | 'clock'>): Promise<string | undefined> {
  const over = new AbortController();
  try {
    const answered = storage.currentVersion().then(() => undefined);
    const late = delay(clock, storeMs, over.signal).then(() => 'the store does not answer in time');
    return await Promise.race([answered, late]);
  } catch (error) {
    // The answer to the check is that it failed.
    return error instanceof Error ? error.message : String(error);
  } finally {
    over.abort();
  }
}
