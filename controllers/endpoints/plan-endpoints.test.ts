import { describe, expect, it } from 'vitest';
import type { Endpoint, EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { aMeta, aService } from '../../test/support/workload-objects.ts';
import { planEndpointsObject } from './plan-endpoints.ts';

const endpoint = (ip: string, ready: boolean): Endpoint => ({ addresses: [ip], conditions: { ready } });

function aSlice(endpoints: Endpoint[]): EndpointSlice {
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: aMeta(),
    addressType: 'IPv4',
    ports: [{ name: '', port: 80, protocol: 'TCP' }],
    endpoints,
  };
}

describe('planEndpointsObject', () => {
  it('groups ready and other addresses by ports, over slices', () => {
    const slices = [
      aSlice([endpoint('10.0.0.10', true), endpoint('10.0.0.9', true)]),
      aSlice([endpoint('10.0.0.3', false)]),
    ];
    expect(planEndpointsObject(aService(), slices).subsets).toEqual([
      {
        addresses: [{ ip: '10.0.0.9' }, { ip: '10.0.0.10' }],
        notReadyAddresses: [{ ip: '10.0.0.3' }],
        ports: [{ port: 80, protocol: 'TCP' }],
      },
    ]);
  });

  it('is cut at a thousand addresses, and says so', () => {
    const many = Array.from({ length: 1_001 }, (_, i) =>
      endpoint(`10.0.${Math.floor(i / 250)}.${i % 250}`, true),
    );
    const { metadata, subsets } = planEndpointsObject(aService(), [aSlice(many)]);
    expect(subsets?.[0]?.addresses).toHaveLength(1_000);
    expect(metadata.annotations).toEqual({ 'endpoints.kubernetes.io/over-capacity': 'truncated' });
  });
});
