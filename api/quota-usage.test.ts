import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AnyObject } from './kind-info.ts';
import { compareQuantities } from './quantity.ts';
import { coveredNames, isInScope, missingAmounts, usageOf } from './quota-usage.ts';
import {
  addResourceLists,
  exceededNames,
  formatResourceList,
  increaseOf,
  parseResourceList,
  podResourceList,
} from './resource-list.ts';

const aPod = (spec: object, more: object = {}): AnyObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'n', uid: '1', resourceVersion: '1', creationTimestamp: '' },
  spec: { containers: [], ...spec },
  ...more,
});
type Amounts = Record<string, string>;
const container = (name: string, requests: Amounts, limits: Amounts = {}, more: object = {}) => ({
  name,
  resources: { requests, limits },
  ...more,
});
const texts = (resource: string, object: AnyObject, nowMs = 0): Record<string, string> =>
  formatResourceList(usageOf(resource, object, nowMs));

describe('what an object counts', () => {
  it('a pod: itself, and what its containers ask for under every name', () => {
    const pod = aPod({
      containers: [container('a', { cpu: '100m', 'example.com/gpu': '2' }, { memory: '1Gi' })],
      overhead: { cpu: '50m' },
    });
    expect(texts('/pods', pod)).toEqual({
      'count/pods': '1',
      pods: '1',
      cpu: '150m',
      'requests.cpu': '150m',
      'requests.example.com/gpu': '2',
      'limits.memory': '1Gi',
    });
  });

  it('a pod that has ended, or should be gone: only that it is there', () => {
    const ended = aPod({ containers: [container('a', { cpu: '1' })] }, { status: { phase: 'Succeeded' } });
    expect(texts('/pods', ended)).toEqual({ 'count/pods': '1' });
    const lost = aPod({ containers: [container('a', { cpu: '1' })] });
    lost.metadata.deletionTimestamp = '2026-01-01T00:00:00Z';
    lost.metadata.deletionGracePeriodSeconds = 30;
    const endMs = Date.parse('2026-01-01T00:00:30Z');
    expect(texts('/pods', lost, endMs)['pods']).toBe('1');
    expect(texts('/pods', lost, endMs + 1)).toEqual({ 'count/pods': '1' });
  });

  it('a service: its node ports and load balancer', () => {
    const service = (spec: object): AnyObject => ({
      apiVersion: 'v1',
      kind: 'Service',
      metadata: {} as AnyObject['metadata'],
      spec,
    });
    expect(texts('/services', service({ type: 'ClusterIP', ports: [{ port: 1 }] }))).toEqual({
      services: '1',
      'count/services': '1',
    });
    expect(
      texts('/services', service({ type: 'NodePort', ports: [{ port: 1 }, { port: 2 }] })),
    ).toMatchObject({
      'services.nodeports': '2',
    });
    expect(
      texts(
        '/services',
        service({
          type: 'LoadBalancer',
          allocateLoadBalancerNodePorts: false,
          ports: [{ port: 1, nodePort: 3 }, { port: 2 }],
        }),
      ),
    ).toMatchObject({ 'services.nodeports': '1', 'services.loadbalancers': '1' });
  });

  it('a claim: its storage, also by class', () => {
    const claim = aPod({ storageClassName: 'gold', resources: { requests: { storage: '1Gi' } } });
    expect(texts('/persistentvolumeclaims', claim)).toEqual({
      persistentvolumeclaims: '1',
      'count/persistentvolumeclaims': '1',
      'requests.storage': '1Gi',
      'gold.storageclass.storage.k8s.io/persistentvolumeclaims': '1',
      'gold.storageclass.storage.k8s.io/requests.storage': '1Gi',
    });
  });

  it('anything else: one, and old kinds also under their own name', () => {
    expect(texts('apps/deployments', aPod({}))).toEqual({ 'count/deployments.apps': '1' });
    expect(texts('/secrets', aPod({}))).toEqual({ 'count/secrets': '1', secrets: '1' });
  });
});

it.each([
  ['/pods', ['pods', 'cpu', 'requests.example.com/gpu', 'hugepages-2Mi', 'count/pods']],
  ['/services', ['services.nodeports']],
  ['/persistentvolumeclaims', ['requests.storage', 'gold.storageclass.storage.k8s.io/requests.storage']],
  ['/configmaps', ['configmaps', 'count/configmaps']],
  ['apps/deployments', ['count/deployments.apps']],
  ['/events', []],
])('%s counts against its own names only', (resource, expected) => {
  const all = [
    ...['pods', 'cpu', 'requests.example.com/gpu', 'hugepages-2Mi', 'count/pods', 'services.nodeports'],
    ...['requests.storage', 'gold.storageclass.storage.k8s.io/requests.storage', 'configmaps'],
    ...['count/configmaps', 'count/deployments.apps', 'count/events', 'example.com/gpu'],
  ];
  expect(coveredNames(resource, all).sort()).toEqual([...expected].sort());
});

it.each([
  ['Terminating', { activeDeadlineSeconds: 5 }, {}],
  ['NotTerminating', {}, { activeDeadlineSeconds: 5 }],
  [
    'CrossNamespacePodAffinity',
    {
      affinity: {
        podAffinity: {
          requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: 'x', namespaces: ['o'] }],
        },
      },
    },
    {},
  ],
  ['PriorityClass', { priorityClassName: 'x' }, {}],
])('scope %s', (scope, inside, outside) => {
  expect(isInScope({ scopes: [scope] }, '/pods', aPod(inside))).toBe(true);
  expect(isInScope({ scopes: [scope] }, '/pods', aPod(outside))).toBe(false);
  expect(isInScope({ scopes: [scope] }, '/services', aPod(inside))).toBe(false);
});

it('best effort is what the pod is', () => {
  const pod = aPod({}, { status: { qosClass: 'BestEffort' } });
  expect(isInScope({ scopes: ['BestEffort'] }, '/pods', pod)).toBe(true);
  expect(isInScope({ scopes: ['NotBestEffort'] }, '/pods', pod)).toBe(false);
});

it.each([
  ['In', ['high'], 'high', true],
  ['In', ['high'], 'low', false],
  ['NotIn', ['high'], 'low', true],
  ['NotIn', ['high'], '', true],
  ['Exists', [], '', false],
  ['DoesNotExist', [], '', true],
])('priority class %s %j of %j is %s', (operator, values, priorityClassName, expected) => {
  const scopeSelector = { matchExpressions: [{ scopeName: 'PriorityClass', operator, values }] };
  expect(isInScope({ scopeSelector }, '/pods', aPod({ priorityClassName }))).toBe(expected);
});

it('names what containers do not say', () => {
  const pod = aPod({ containers: [container('b', {}), container('a', { cpu: '1' })] });
  const typed = pod as Parameters<typeof missingAmounts>[1] & AnyObject;
  expect(missingAmounts(['requests.cpu', 'limits.memory', 'pods'], typed)).toBe(
    'must specify limits.memory for: a,b; requests.cpu for: b',
  );
  expect(missingAmounts(['pods', 'requests.example.com/gpu'], typed)).toBeUndefined();
});

it('names nothing of a pod that says what it needs as a whole', () => {
  const missingOf = (resources: object): string | undefined => {
    const pod = aPod({ containers: [container('a', {})], resources });
    return missingAmounts(['requests.cpu'], pod as Parameters<typeof missingAmounts>[1] & AnyObject);
  };
  expect(missingOf({ limits: { memory: '1Gi' } })).toBeUndefined();
  expect(missingOf({ requests: { 'example.com/gpu': '1' } })).toBe('must specify requests.cpu for: a');
});

it('init containers run one after another, beside the sidecars that came before', () => {
  const spec = {
    initContainers: [
      container('first', { cpu: '3' }),
      container('sidecar', { cpu: '1' }, {}, { restartPolicy: 'Always' }),
      container('second', { cpu: '2500m' }),
    ],
    containers: [container('main', { cpu: '2' })],
  };
  expect(formatResourceList(podResourceList(spec, 'requests'))).toEqual({ cpu: '3500m' });
  expect(
    formatResourceList(podResourceList({ ...spec, resources: { requests: { cpu: '5' } } }, 'requests')),
  ).toEqual({
    cpu: '5',
  });
});

describe('arithmetic', () => {
  const amount = fc.tuple(fc.integer({ min: 0, max: 10_000 }), fc.constantFrom('', 'm', 'Ki', 'M', 'Gi'));
  const list = fc
    .dictionary(fc.constantFrom('cpu', 'memory', 'pods', 'requests.storage'), amount)
    .map((each) =>
      parseResourceList(
        Object.fromEntries(Object.entries(each).map(([name, [n, unit]]) => [name, `${n}${unit}`])),
      ),
    );

  it('taking what an object counts off again leaves what was before', () => {
    fc.assert(
      fc.property(list, list, (before, usage) => {
        const after = addResourceLists(before, usage);
        for (const [name, more] of increaseOf(after, before))
          expect(compareQuantities(more, usage.get(name) ?? more)).toBe(0);
        for (const [name, counted] of usage)
          if (counted.nanos > 0n) expect(increaseOf(after, before).get(name)?.nanos).toBe(counted.nanos);
      }),
    );
  });

  it('exceeds exactly where an amount is above its limit', () => {
    fc.assert(
      fc.property(list, list, (used, hard) => {
        const above = [...used.keys()].filter((name) => {
          const limit = hard.get(name);
          return limit !== undefined && (used.get(name)?.nanos ?? 0n) > limit.nanos;
        });
        expect(exceededNames(used, hard)).toEqual(above.sort());
      }),
    );
  });

  it('survives being written and read', () => {
    fc.assert(
      fc.property(list, (each) => {
        const read = parseResourceList(formatResourceList(each));
        expect([...read.keys()]).toEqual([...each.keys()]);
        for (const [name, { nanos }] of each) expect(read.get(name)?.nanos).toBe(nanos);
      }),
    );
  });
});
