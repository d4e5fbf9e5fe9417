/** Every check, shown a world that breaks its rule and one that keeps it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { BindingChecker } from './checkers/bindings.ts';
import { EvictionChecker } from './checkers/evictions.ts';
import { LastEndpointChecker } from './checkers/last-endpoint.ts';
import { PlantedWorld, plantedNode, plantedPod } from './checkers/planted.ts';
import { PodCidrChecker } from './checkers/pod-cidrs.ts';
import { SurplusChecker } from './checkers/surplus.ts';
import { WireChecks } from './checkers/wire-checks.ts';

let world: PlantedWorld;

beforeEach(() => {
  world = new PlantedWorld();
});

describe('the bindings check', () => {
  beforeEach(() => {
    world.use(new BindingChecker(world));
    world.put('/nodes', plantedNode('a'));
    world.put('/nodes', plantedNode('b'));
  });

  it('accepts pods that fit', () => {
    world.put('/pods', plantedPod('one', { node: 'a', cpu: '500m' }));
    world.put('/pods', plantedPod('two', { node: 'a', cpu: '500m' }));
    expect(world.found).toEqual([]);
  });

  it('rejects a pod that moves', () => {
    world.put('/pods', plantedPod('one', { node: 'a' }));
    world.put('/pods', plantedPod('one', { node: 'b' }));
    expect(world.found).toEqual(["bindings: one moved from a to 'b'"]);
  });

  it('rejects too much CPU, too many pods and a host port given twice', () => {
    world.put('/pods', plantedPod('one', { node: 'a', cpu: '600m', hostPort: 80 }));
    world.put('/pods', plantedPod('two', { node: 'a', cpu: '600m', hostPort: 80 }));
    world.put('/pods', plantedPod('three', { node: 'a', cpu: '0' }));
    expect(world.found.join()).toMatch(/cpu 1200 of 1000.*host port twice.*pods 3 of 2/);
  });
});

describe('the surplus check', () => {
  const replicaSet = (replicas: number) => ({
    metadata: { name: 'rs', namespace: 'default', ownerReferences: [{ uid: 'web', controller: true }] },
    spec: { replicas },
  });

  beforeEach(() => {
    world.use(new SurplusChecker(world));
    const strategy = { rollingUpdate: { maxSurge: 1 } };
    world.put('apps/deployments', {
      metadata: { name: 'web', namespace: 'default' },
      spec: { replicas: 1, strategy },
    });
    world.put('apps/replicasets', replicaSet(2));
  });

  it('accepts a size of a moment ago', () => {
    world.put('apps/replicasets', replicaSet(1));
    world.put('/pods', plantedPod('one', { owner: 'rs' }));
    world.put('/pods', plantedPod('two', { owner: 'rs' }));
    expect(world.found).toEqual([]);
  });

  it('rejects a pod more than was asked for, and a size that stays beyond the surge', () => {
    for (const name of ['one', 'two', 'three']) world.put('/pods', plantedPod(name, { owner: 'rs' }));
    expect(world.found).toEqual(['surplus: three: 3 live pods, 2 asked for']);
    world.put('apps/replicasets', replicaSet(3));
    expect(world.found).toHaveLength(1);
    world.atMs = 16_000;
    world.put('apps/replicasets', replicaSet(3));
    expect(world.found[1]).toBe('surplus: rs: 3 replicas, 2 with surge');
  });
});

describe('the pod CIDR check', () => {
  it('rejects a range that two nodes have, and one that changes', () => {
    world.use(new PodCidrChecker(world));
    world.put('/nodes', plantedNode('a', { podCIDR: '10.244.0.0/24' }));
    world.put('/nodes', plantedNode('b', { podCIDR: '10.244.1.0/24' }));
    expect(world.found).toEqual([]);
    world.put('/nodes', plantedNode('c', { podCIDR: '10.244.1.0/24' }));
    world.put('/nodes', plantedNode('a', { podCIDR: '10.244.9.0/24' }));
    expect(world.found.join()).toMatch(/10.244.1.0\/24: b, c.*a: 10.244.0.0\/24 became 10.244.9.0\/24/);
  });
});

describe('the eviction check', () => {
  const dead = { taints: [{ key: 'coracle.dev/node-dead', effect: 'NoExecute' }] };
  let heard: boolean;
  let check: EvictionChecker;

  beforeEach(() => {
    heard = true;
    check = new EvictionChecker(world, { isHeard: () => heard });
    world.use(check);
    world.put('/nodes', plantedNode('a'));
  });

  it('accepts the death of a silent node', () => {
    heard = false;
    world.put('/nodes', plantedNode('a', dead));
    expect(world.found).toEqual([]);
  });

  it('rejects the death of a node that beats', () => {
    world.put('/nodes', plantedNode('a', dead));
    expect(world.found).toEqual(['evictions: a is declared dead and beats']);
  });

  it('rejects death and eviction while too many are silent together', () => {
    heard = false;
    check.hold(['a']);
    world.put('/nodes', plantedNode('a', dead));
    world.put('/pods', plantedPod('one', { node: 'a', evicted: true }));
    expect(world.found).toHaveLength(2);
  });

  it('accepts the death of one that had been silent by itself just before', () => {
    heard = false;
    check.fellSilent('a');
    check.hold(['a']);
    world.put('/nodes', plantedNode('a', dead));
    expect(world.found).toEqual([]);
  });
});

describe('the last-endpoint check', () => {
  const slice = (ready: boolean) => ({
    metadata: { name: 'web-x', namespace: 'default', labels: { 'kubernetes.io/service-name': 'web' } },
    endpoints: [{ addresses: ['10.244.0.2'], conditions: { ready } }],
  });

  beforeEach(() => {
    world.use(new LastEndpointChecker(world));
    world.put('/nodes', plantedNode('a'));
    world.put('/services', {
      metadata: { name: 'web', namespace: 'default' },
      spec: { selector: { app: 'web' } },
    });
    world.put('/pods', plantedPod('one', { node: 'a', ready: true }));
    world.put('discovery.k8s.io/endpointslices', slice(true));
    world.atMs = 30_000;
  });

  it('rejects that a service is emptied while a pod is ready', () => {
    world.put('discovery.k8s.io/endpointslices', slice(false));
    expect(world.found).toEqual(['last endpoint: web lost its last endpoint, but one is ready']);
  });

  it('accepts it when the pod is not ready, or its node is dead', () => {
    world.put(
      '/nodes',
      plantedNode('a', { taints: [{ key: 'coracle.dev/node-dead', effect: 'NoExecute' }] }),
    );
    world.put('discovery.k8s.io/endpointslices', slice(false));
    expect(world.found).toEqual([]);
  });
});

describe('the wire checks', () => {
  const path = '/api/v1/namespaces/default/pods';
  const answer = (body: object, status = 200) => ({
    status,
    headers: {},
    body: Buffer.from(JSON.stringify(body)),
  });
  const pod = (version: number, name = 'one') => ({
    metadata: { ...plantedPod(name).metadata, uid: name, resourceVersion: String(version) },
  });
  const frame = (type: string, version: number, name?: string) =>
    Buffer.from(`${JSON.stringify({ type, object: pod(version, name) })}\n`);
  let checks: WireChecks;

  beforeEach(() => {
    checks = new WireChecks(world);
  });

  it('rejects an answer that was over before the question', () => {
    const old = world.put('/pods', plantedPod('one'));
    const now = world.put('/pods', plantedPod('one', { node: 'a' }));
    const get = { method: 'GET', path: `${path}/one` } as const;
    checks.sent(get, 'test')?.(answer(pod(now)));
    expect(world.found).toEqual([]);
    checks.sent(get, 'test')?.(answer(pod(old)));
    checks.sent(get, 'test')?.(answer({}, 404));
    expect(world.found).toHaveLength(2);
  });

  it('rejects a list that leaves something out or is of the past', () => {
    const before = world.history.version;
    const version = world.put('/pods', plantedPod('one'));
    const list = (items: object[], at: number) =>
      answer({ metadata: { resourceVersion: String(at) }, items });
    checks.sent({ method: 'GET', path }, 'test')?.(list([pod(version)], world.history.version));
    expect(world.found).toEqual([]);
    checks.sent({ method: 'GET', path }, 'test')?.(list([], world.history.version));
    checks.sent({ method: 'GET', path }, 'test')?.(list([], before));
    expect(world.found).toHaveLength(2);
  });

  it('rejects an acknowledged write that the store does not have', () => {
    checks.sent({ method: 'POST', path, body: '{}' }, 'test')?.(answer(pod(12_345), 201));
    expect(world.found.join()).toContain('12345 is not in the store');
  });

  it('rejects a watch with a gap, a repetition or a wrong type', () => {
    const start = world.history.version;
    const versions = ['one', 'two', 'three'].map((name) => world.put('/pods', plantedPod(name)));
    const [one = 0, two = 0, three = 0] = versions;
    const open = () =>
      checks.opened({ method: 'GET', path: `${path}?watch=true&resourceVersion=${start}` }, 'test');
    const whole = open();
    for (const [at, name] of ['one', 'two', 'three'].entries())
      whole?.(frame('ADDED', versions[at] ?? 0, name));
    whole?.(frame('BOOKMARK', world.history.version));
    expect(world.found).toEqual([]);
    const gap = open();
    gap?.(frame('ADDED', one));
    gap?.(frame('ADDED', three, 'three'));
    const repeated = open();
    repeated?.(frame('ADDED', one));
    repeated?.(frame('ADDED', one));
    open()?.(frame('MODIFIED', one));
    open()?.(frame('BOOKMARK', two));
    expect(world.found).toHaveLength(4);
  });
});
