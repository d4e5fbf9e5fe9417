import { expect, test } from 'vitest';
import type { Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { Claims } from './claims.ts';
import { type FrontendContext, frontendsOf } from './frontend.ts';
import { planCuts } from './plan-cuts.ts';

const context: FrontendContext = {
  nodeName: 'host-1',
  clusterDns: '10.96.0.10',
  nodeIps: new Set(['192.0.2.1']),
  reservedPorts: new Set([10250]),
};

function aService(
  spec: Partial<Service['spec']>,
  name = 'web',
  creationTimestamp = '2026-01-01T00:00:00Z',
): Service {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp },
    spec: { clusterIP: '10.96.0.1', ports: [{ port: 80, name: 'http' }], ...spec },
  };
}

const slice: EndpointSlice = {
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name: 'web-1', namespace: 'default', uid: 's', resourceVersion: '1', creationTimestamp: '' },
  addressType: 'IPv4',
  ports: [{ name: 'http', port: 8080, protocol: 'TCP' }],
  endpoints: [
    { addresses: ['10.244.1.2'], nodeName: 'host-1', conditions: { ready: true } },
    { addresses: ['10.244.2.2'], nodeName: 'host-2', conditions: { ready: true } },
    { addresses: ['10.244.2.3; drop'], nodeName: 'host-2', conditions: { ready: true } },
  ],
};

const plan = (spec: Partial<Service['spec']>): string[] =>
  frontendsOf({ key: 'default/web', service: aService(spec), slices: [slice] }, context).map(
    (frontend) => `${frontend.id} -> ${frontend.endpoints.join(', ') || frontend.whenEmpty}`,
  );

test.each([
  ['a cluster address', {}, ['services 10.96.0.1 . tcp . 80 -> 10.244.1.2 . 8080, 10.244.2.2 . 8080']],
  ['a headless service', { clusterIP: 'None' }, []],
  ['an alias', { type: 'ExternalName', externalName: 'example.org' }, []],
  ['the address of the node DNS', { clusterIP: '10.96.0.10' }, []],
  ['an unknown port', { ports: [{ port: 80, name: 'other' }] }, ['services 10.96.0.1 . tcp . 80 -> refuse']],
])('%s', (_, spec, expected) => {
  expect(plan(spec)).toEqual(expected);
});

test('a load balancer opens its port and its node port, but no port of the node itself', () => {
  const ports = [
    { port: 80, name: 'http', nodePort: 30080 },
    { port: 10250, name: 'http', nodePort: 30250 },
  ];
  expect(plan({ type: 'LoadBalancer', ports }).map((line) => line.split(' -> ')[0])).toEqual([
    'services 10.96.0.1 . tcp . 80',
    'node_ports tcp . 30080',
    'node_ports tcp . 80',
    'services 10.96.0.1 . tcp . 10250',
    'node_ports tcp . 30250',
  ]);
});

test('an external policy of Local keeps outside traffic here', () => {
  expect(
    plan({
      type: 'NodePort',
      externalTrafficPolicy: 'Local',
      ports: [{ port: 80, name: 'http', nodePort: 30080 }],
    }),
  ).toContain('outside_node_ports tcp . 30080 -> 10.244.1.2 . 8080');
});

test('of two services on one port the older has it until it goes', () => {
  const claims = new Claims();
  const ofService = (name: string, created: string): ReturnType<typeof frontendsOf> =>
    frontendsOf(
      { key: `default/${name}`, service: aService({ type: 'LoadBalancer' }, name, created), slices: [slice] },
      context,
    );
  claims.set('default/young', ofService('young', '2026-02-01T00:00:00Z'));
  claims.set('default/old', ofService('old', '2026-01-01T00:00:00Z'));
  expect(claims.winner('node_ports tcp . 80')?.rank).toContain('default/old');
  claims.set('default/old', []);
  expect(claims.winner('node_ports tcp . 80')?.rank).toContain('default/young');
});

test('UDP endpoints that leave are cut, TCP ones only on a lost node', () => {
  const before = ['10.244.1.2 . 53', '10.244.2.2 . 53'];
  const after = ['10.244.1.2 . 53'];
  const cuts = (protocol: string, isLost: boolean): unknown[] =>
    planCuts([{ key: `10.96.0.1 . ${protocol} . 53`, before, after }], () => isLost);
  expect(cuts('udp', false)).toEqual([{ kind: 'endpoint', protocol: 'udp', ip: '10.244.2.2', port: '53' }]);
  expect(cuts('tcp', false)).toEqual([]);
  expect(cuts('tcp', true)).toEqual([{ kind: 'address', protocol: 'tcp', ip: '10.244.2.2' }]);
});
