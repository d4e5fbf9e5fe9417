import { describe, expect, it } from 'vitest';
import type { Endpoints } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { aMeta, aService } from '../../test/support/workload-objects.ts';
import { planMirror, wantsMirror } from './plan-mirror.ts';

const someEndpoints = (over: Partial<Endpoints> = {}): Endpoints => ({
  apiVersion: 'v1',
  kind: 'Endpoints',
  metadata: aMeta({ name: 'db', labels: { team: 'a' } }),
  subsets: [{ addresses: [{ ip: '10.1.2.3' }], ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }] }],
  ...over,
});

const stored = (endpoints: Endpoints): EndpointSlice[] =>
  planMirror(endpoints, []).toCreate.map((slice, i) => ({
    ...slice,
    metadata: aMeta({ ...slice.metadata, name: `db-${i}` }),
  }));

describe('planMirror', () => {
  it('makes one slice for each set of ports and kind of address', () => {
    const subsets = [
      {
        addresses: [{ ip: '10.1.2.3' }],
        notReadyAddresses: [{ ip: '10.1.2.4' }],
        ports: [{ name: 'sql', port: 5432 }],
      },
      { addresses: [{ ip: 'fd00::1' }], ports: [{ name: 'sql', port: 5432 }] },
    ];
    const { toCreate } = planMirror(someEndpoints({ subsets }), []);
    expect(toCreate).toMatchObject([
      {
        metadata: {
          generateName: 'db-',
          labels: {
            team: 'a',
            'kubernetes.io/service-name': 'db',
            'endpointslice.kubernetes.io/managed-by': 'endpointslicemirroring-controller.k8s.io',
          },
          ownerReferences: [{ kind: 'Endpoints', name: 'db' }],
        },
        addressType: 'IPv4',
        ports: [{ name: 'sql', port: 5432, protocol: 'TCP' }],
        endpoints: [
          { addresses: ['10.1.2.3'], conditions: { ready: true } },
          { addresses: ['10.1.2.4'], conditions: { ready: false } },
        ],
      },
      { addressType: 'IPv6', endpoints: [{ addresses: ['fd00::1'] }] },
    ]);
  });

  it('writes nothing when nothing has changed', () => {
    const endpoints = someEndpoints();
    expect(planMirror(endpoints, stored(endpoints))).toEqual({ toCreate: [], toUpdate: [], toDelete: [] });
  });

  it('reuses a slice for other ports and addresses, and takes away what is left', () => {
    const existing = stored(someEndpoints());
    const moved = someEndpoints({
      subsets: [{ addresses: [{ ip: '10.2.3.4' }], ports: [{ name: 'x', port: 443 }] }],
    });
    const { toCreate, toUpdate, toDelete } = planMirror(moved, existing);
    expect([toCreate.length, toDelete.length]).toEqual([0, 0]);
    expect(toUpdate).toMatchObject([
      { metadata: { name: 'db-0' }, endpoints: [{ addresses: ['10.2.3.4'] }], ports: [{ port: 443 }] },
    ]);
    expect(planMirror(undefined, existing).toDelete).toEqual(existing);
  });
});

describe('wantsMirror', () => {
  const plain = aService();
  const bare = { ...plain, spec: { ...plain.spec, selector: {} } };
  it.each([
    ['of a service without a selector', someEndpoints(), bare, true],
    ['of a service with one', someEndpoints(), plain, false],
    ['without a service', someEndpoints(), undefined, false],
    [
      'that ask to be left alone',
      someEndpoints({ metadata: aMeta({ labels: { 'endpointslice.kubernetes.io/skip-mirror': 'true' } }) }),
      bare,
      false,
    ],
  ])('Endpoints %s', (_what, endpoints, service, wanted) => {
    expect(wantsMirror(endpoints, service)).toBe(wanted);
  });
});
