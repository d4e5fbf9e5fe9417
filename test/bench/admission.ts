/**
 * What admission costs a pod that nothing restricts: the whole chain, both phases, CPU time per create, in a namespace
 * without quota and limits and in one that has both. `node test/bench/admission.ts`
 */
import type { AnyObject } from '../../api/kind-info.ts';
import { AdmissionChain, toAttributes } from '../../apiserver/admission/admission.ts';
import { admissionPlugins } from '../../apiserver/admission/plugins.ts';
import { createRegistry } from '../../apiserver/registry/registry.ts';
import { keyOf } from '../../apiserver/storage/keys.ts';
import { MemoryStorage } from '../../apiserver/storage/memory-storage.ts';
import { WatchCache } from '../../apiserver/watch-cache/watch-cache.ts';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';

const creates = 20_000;
const registry = createRegistry();
const pods = registry.byResource('', 'v1', 'pods');
if (pods === undefined) throw new TypeError('pods are served');

const metadata = (name: string, namespace?: string): AnyObject['metadata'] => ({
  ...{ name, uid: name, resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...(namespace === undefined ? {} : { namespace }),
});

const storage = new MemoryStorage();
const put = (resource: string, namespace: string, object: AnyObject): Promise<unknown> =>
  storage.commit([
    { type: 'put', key: keyOf(resource, namespace, object.metadata.name), object, expected: 0 },
  ]);
for (const name of ['plain', 'limited']) {
  await put('/namespaces', '', { apiVersion: 'v1', kind: 'Namespace', metadata: metadata(name) });
  await put('/serviceaccounts', name, {
    ...{ apiVersion: 'v1', kind: 'ServiceAccount', metadata: metadata('default', name) },
  });
}
for (const value of [2_000_000_000, 2_000_001_000])
  await put('scheduling.k8s.io/priorityclasses', '', {
    ...{ apiVersion: 'scheduling.k8s.io/v1', kind: 'PriorityClass', metadata: metadata(`c${value}`), value },
  });
await put('/limitranges', 'limited', {
  ...{ apiVersion: 'v1', kind: 'LimitRange', metadata: metadata('l', 'limited') },
  spec: {
    limits: [{ type: 'Container', max: { cpu: '4' }, default: { cpu: '1' }, defaultRequest: { cpu: '1' } }],
  },
});
await put('/resourcequotas', 'limited', {
  ...{ apiVersion: 'v1', kind: 'ResourceQuota', metadata: metadata('q', 'limited') },
  spec: { hard: { pods: '9', cpu: '99' } },
  status: { hard: { pods: '9', cpu: '99' }, used: { pods: '0', cpu: '0' } },
});

const stopping = new AbortController();
const clock = systemClock;
const cache = new WatchCache({ storage, clock, logger: silentLogger, fieldsOf: () => new Map() });
const running = cache.run(stopping.signal);
await cache.whenReady();
const chain = new AdmissionChain(
  admissionPlugins({
    ...{ cache, storage, clock, registry, random: seededRandom(1) },
    authorizer: { authorize: () => ({ allowed: true, reason: '' }) },
  }),
);
const user = { name: 'u', uid: '', groups: [], extra: {} };

async function create(namespace: string, at: number): Promise<void> {
  const object: AnyObject = {
    ...{ apiVersion: 'v1', kind: 'Pod', metadata: metadata(`p-${at}`, namespace) },
    spec: { containers: [{ name: 'c', image: 'i' }], tolerations: [] },
  };
  const attributes = toAttributes({
    ...{ operation: 'CREATE', strategy: pods as NonNullable<typeof pods>, namespace, name: `p-${at}` },
    ...{ subresource: '', user, dryRun: false, object, previous: undefined },
  });
  await chain.mutate(attributes);
  await chain.validate(attributes);
}

const rounds = ['plain', 'limited', 'plain', 'limited'];
for (const namespace of rounds) {
  const before = process.cpuUsage();
  for (let at = 0; at < creates; at += 1) await create(namespace, at);
  const { user: own, system } = process.cpuUsage(before);
  console.log(`${namespace}: ${((own + system) / creates).toFixed(1)} us of CPU per create`);
}
stopping.abort();
await running;
