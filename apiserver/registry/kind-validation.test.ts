import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { invariant } from '../../base/invariant.ts';
import { createRegistry } from './registry.ts';
import type { FieldError, KindStrategy, WriteContext } from './strategy.ts';

const registry = createRegistry();
const user = { name: 'u', uid: '', groups: [], extra: {} };
const context: WriteContext = { user, namespace: 'default', subresource: '', nowMs: 0 };

function strategyOf(plural: string): KindStrategy {
  const strategy = registry.byResource('', 'v1', plural);
  invariant(strategy !== undefined, `${plural} are registered`);
  return strategy;
}
const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
function objectOf(plural: string, content: object): AnyObject {
  const strategy = strategyOf(plural);
  const object: AnyObject = {
    apiVersion: 'v1',
    kind: strategy.kind.kind,
    metadata: { ...metadata },
    ...content,
  };
  strategy.setDefaults(object);
  return object;
}
const text = (errors: readonly FieldError[]): string[] =>
  errors.map(({ field, message }) => `${field}: ${message}`);
const problemsOf = (plural: string, content: object): string[] =>
  text(strategyOf(plural).validateCreate(objectOf(plural, content), context));
const changed = (plural: string, before: object, after: object): string[] =>
  text(strategyOf(plural).validateUpdate(objectOf(plural, after), objectOf(plural, before), context));

const ports = [{ port: 80 }];
const balanced = { type: 'LoadBalancer', ports };
const taint = { key: 'k', effect: 'NoSchedule' };
const claim = (storage: string, mode = 'ReadWriteOnce') => ({
  spec: { accessModes: [mode], resources: { requests: { storage } } },
  status: { phase: 'Bound', capacity: { storage: '2Gi' } },
});
const limits = (limit: object) => ({ spec: { limits: [limit] } });

describe('validation of other kinds', () => {
  it.each<[string, object, string[]]>([
    [
      'services',
      { spec: { type: 'ExternalName', externalName: 'a.b', ipFamilies: ['IPv4'] } },
      ['spec.ipFamilies: Forbidden: may not be set for ExternalName services'],
    ],
    [
      'services',
      { spec: { ports, externalIPs: ['127.0.0.1'] } },
      [
        'spec.externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)',
      ],
    ],
    [
      'services',
      { spec: { ports, trafficDistribution: 'Far', loadBalancerSourceRanges: ['10.0.0.0/8'] } },
      [
        "spec.LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        'spec.trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", "PreferSameZone", "PreferSameNode"',
      ],
    ],
    [
      'services',
      { spec: { ports, externalTrafficPolicy: 'Local' } },
      [
        'spec.externalTrafficPolicy: Invalid value: "Local": may only be set for externally-accessible services',
      ],
    ],
    [
      'nodes',
      { spec: { taints: [taint, taint] } },
      [
        'metadata.taints[1]: Duplicate value: {"Key":"k","Value":"","Effect":"NoSchedule","TimeAdded":null}: taints must be unique by key and effect pair',
      ],
    ],
    [
      'nodes',
      { spec: { podCIDRs: ['10.0.0.0/24', '10.0.1.0/24'] } },
      [
        'spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more than one CIDR for each IP family',
      ],
    ],
    [
      'nodes',
      { status: { capacity: { cpu: '-1' } } },
      [
        'status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0',
        'status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      'persistentvolumeclaims',
      claim('0'),
      ['spec.resources[storage]: Invalid value: "0": must be greater than zero'],
    ],
    [
      'persistentvolumes',
      {
        spec: {
          accessModes: ['ReadWriteOnce', 'ReadWriteOncePod'],
          capacity: { storage: '1Gi' },
          local: { path: '/a' },
        },
      },
      [
        'spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes',
        'spec.nodeAffinity: Required value: Local volume requires node affinity',
      ],
    ],
    [
      'limitranges',
      limits({ type: 'Container', min: { cpu: '2' }, max: { cpu: '1' } }),
      [
        'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
        'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
        'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
      ],
    ],
    [
      'limitranges',
      limits({ type: 'Pod', default: { cpu: '1' } }),
      ["spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'"],
    ],
    [
      'limitranges',
      limits({ type: 'Container', min: { cpu: '1' }, max: { cpu: '2' }, maxLimitRequestRatio: { cpu: '3' } }),
      [
        'spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = 2.000000',
      ],
    ],
  ])('judges new %s %j', (plural, content, expected) => {
    expect(problemsOf(plural, content)).toEqual(expected);
  });

  it('keeps the class of a load balancer, and the first family of a service', () => {
    expect(
      changed('services', { spec: balanced }, { spec: { ...balanced, loadBalancerClass: 'a/b' } }),
    ).toEqual(['spec.loadBalancerClass: Invalid value: "a/b": may not change once set']);
    const family = (name: string) => ({ spec: { ports, ipFamilies: [name] } });
    expect(changed('services', family('IPv4'), family('IPv6'))).toEqual([
      'spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set',
    ]);
  });

  it('lets a bound claim grow, and shrink down to what it has', () => {
    expect(changed('persistentvolumeclaims', claim('3Gi'), claim('5Gi'))).toEqual([]);
    expect(changed('persistentvolumeclaims', claim('5Gi'), claim('3Gi'))).toEqual([]);
    expect(changed('persistentvolumeclaims', claim('5Gi'), claim('2Gi'))).toEqual([
      'spec.resources.requests.storage: Forbidden: field can not be less than status.capacity',
    ]);
    expect(changed('persistentvolumeclaims', claim('3Gi'), claim('3Gi', 'ReadOnlyMany'))[0]).toContain(
      'spec: Forbidden: spec is immutable after creation',
    );
  });
});
