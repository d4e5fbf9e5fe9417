import { type Clock, delay } from '../base/clock.ts';
import type { HealthCheck, HealthEndpoint } from './http/health.ts';
import type { Storage } from './storage/storage.ts';

/** As Kubernetes waits for etcd. */
const storeMs = 2_000;

const everywhere: readonly HealthEndpoint[] = ['healthz', 'livez', 'readyz'];
const readiness: readonly HealthEndpoint[] = ['readyz'];
/** What a server does once, before it takes requests. */
const startHooks = [
  'poststarthook/start-system-namespaces-controller',
  'poststarthook/scheduling/bootstrap-system-priority-classes',
  'poststarthook/bootstrap-controller',
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
  const hooks = startHooks.map((name) => ({
    ...{ name, endpoints: everywhere },
    check: () => (server.isBootstrapped() ? undefined : 'not finished'),
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
    ...hooks,
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
