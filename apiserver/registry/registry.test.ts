import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { invariant } from '../../base/invariant.ts';
import { formatDuration } from './columns.ts';
import { invalidError } from './field-error.ts';
import { kindRules } from './kinds.ts';
import { createRegistry } from './registry.ts';
import type { KindStrategy, WriteContext } from './strategy.ts';

const registry = createRegistry();
const context: WriteContext = {
  user: { name: 'u', uid: '', groups: [], extra: {} },
  namespace: 'default',
  subresource: '',
  nowMs: 0,
};

function strategyOf(group: string, plural: string): KindStrategy {
  const strategy = registry.byResource(group, 'v1', plural);
  invariant(strategy !== undefined, `${plural} are registered`);
  return strategy;
}

const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
const pod = (spec: object): AnyObject => ({ apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata }, spec });

/** As a create does it. */
function create(strategy: KindStrategy, object: AnyObject): string[] {
  strategy.setDefaults(object);
  strategy.prepareForCreate(object, context);
  return strategy.validateCreate(object, context).map(({ field, message }) => `${field}: ${message}`);
}

describe('registry', () => {
  it('finds every declared kind, each with a schema', () => {
    for (const { type } of kindRules)
      expect(registry.byResource(type.group, type.version, type.plural)?.kind.kind).toBe(type.kind);
    for (const strategy of registry.all) expect(strategy.schema.fields.has('metadata')).toBe(true);
  });

  it('defaults a minimal pod', () => {
    const object = pod({ containers: [{ name: 'c', image: 'busybox' }] });
    expect(create(strategyOf('', 'pods'), object)).toEqual([]);
    expect(object).toMatchObject({
      spec: {
        restartPolicy: 'Always',
        dnsPolicy: 'ClusterFirst',
        containers: [{ imagePullPolicy: 'Always' }],
      },
      status: { phase: 'Pending', qosClass: 'BestEffort' },
    });
  });

  it('takes a negative grace period for a second', () => {
    const object = pod({ containers: [{ name: 'c', image: 'busybox' }], terminationGracePeriodSeconds: -1 });
    expect(create(strategyOf('', 'pods'), object)).toEqual([]);
    expect(object['spec']).toMatchObject({ terminationGracePeriodSeconds: 1 });
  });

  it('takes the address of a load balancer for one that packets are sent to', () => {
    const ingress = [{ ip: '203.0.113.1' }, { hostname: 'lb.example.com' }];
    const service: AnyObject = {
      ...{ apiVersion: 'v1', kind: 'Service', metadata: { ...metadata } },
      spec: { type: 'LoadBalancer', ports: [{ port: 80 }] },
      status: { loadBalancer: { ingress } },
    };
    strategyOf('', 'services').setDefaults(service);
    expect(ingress).toEqual([{ ip: '203.0.113.1', ipMode: 'VIP' }, { hostname: 'lb.example.com' }]);
  });

  it('tells every problem of a pod with its field', () => {
    const object = pod({ containers: [{ name: 'Bad_Name' }, { name: 'c', image: ' ' }] });
    const [name, image, blank] = create(strategyOf('', 'pods'), object);
    expect(name).toContain('spec.containers[0].name: Invalid value: "Bad_Name": a lowercase RFC 1123 label');
    expect(image).toBe('spec.containers[0].image: Required value');
    expect(blank).toContain('spec.containers[1].image: Invalid value');
  });

  it('counts changes of the spec, and keeps status from the main resource', () => {
    const strategy = strategyOf('', 'pods');
    const current = pod({ containers: [{ name: 'c', image: 'i' }] });
    create(strategy, current);
    const next = structuredClone(current);
    next['status'] = {};
    next['spec'] = { ...(next['spec'] as object), activeDeadlineSeconds: 5 };
    strategy.prepareForUpdate(next, current, context);
    expect(next.metadata.generation).toBe(2);
    expect(next['status']).toEqual(current['status']);
  });

  it('lists several causes in brackets', () => {
    const error = invalidError({ group: 'apps', kind: 'Deployment' }, 'd', [
      { reason: 'FieldValueRequired', field: 'a', message: 'Required value' },
      { reason: 'FieldValueRequired', field: 'b', message: 'Required value' },
    ]);
    expect(error.message).toBe('Deployment.apps "d" is invalid: [a: Required value, b: Required value]');
  });

  it('warns of a field that is stored only', () => {
    const object = pod({ containers: [], hostUsers: false });
    expect(strategyOf('', 'pods').warnings(object, undefined)).toEqual([
      'spec.hostUsers: stored, but not carried out by this cluster',
    ]);
  });

  it('knows the volumes of a stateful set by its claims', () => {
    const containers = [{ name: 'c', image: 'i', volumeMounts: [{ name: 'data', mountPath: '/data' }] }];
    const setOf = (claims: readonly string[]): AnyObject => ({
      ...{ apiVersion: 'apps/v1', kind: 'StatefulSet', metadata: { ...metadata } },
      spec: {
        selector: { matchLabels: { app: 'a' } },
        template: { metadata: { labels: { app: 'a' } }, spec: { containers } },
        volumeClaimTemplates: claims.map((name) => ({ metadata: { name }, spec: {} })),
      },
    });
    expect(create(strategyOf('apps', 'statefulsets'), setOf(['data']))).toEqual([]);
    expect(create(strategyOf('apps', 'statefulsets'), setOf(['other']))).toEqual([
      'spec.template.spec.containers[0].volumeMounts[0].name: Not found: "data"',
    ]);
  });

  it('names kinds and volumes that nothing acts upon, in a cluster only', () => {
    const volumes = [{ name: 'v', csi: { driver: 'd' } }];
    const template = { spec: { containers: [], volumes } };
    const warningsOf = (from: typeof registry, group: string, plural: string, spec: object): string[] =>
      from.byResource(group, 'v1', plural)?.warnings({ ...pod({}), spec }, undefined) ?? [];
    const inCluster = createRegistry({ namesNoActor: true });
    expect(warningsOf(inCluster, 'apps', 'deployments', { template })).toEqual([
      'spec.template.spec.volumes[0].csi: stored, but not carried out by this cluster: no volume is provided to the pod',
    ]);
    expect(warningsOf(inCluster, 'networking.k8s.io', 'ingresses', {})).toEqual([
      'Ingress: stored, but not carried out by this cluster: no ingress controller runs',
    ]);
    expect(warningsOf(inCluster, 'batch', 'jobs', { template: { spec: { containers: [] } } })).toEqual([]);
    expect(warningsOf(registry, 'apps', 'deployments', { template })).toEqual([]);
    expect(warningsOf(registry, 'networking.k8s.io', 'ingresses', {})).toEqual([]);
  });

  it.each([
    [45_000, '45s'],
    [190_000, '3m10s'],
    [3_600_000 * 5, '5h'],
    [3_600_000 * 52, '2d4h'],
    [86_400_000 * 400, '400d'],
  ])('shows %d ms as %s', (duration, text) => {
    expect(formatDuration(duration)).toBe(text);
  });
});
