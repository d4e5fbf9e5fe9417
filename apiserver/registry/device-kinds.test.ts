import { describe, expect, it } from 'vitest';
import type { ResourceClaim } from '../../api/generated/resource-v1.ts';
import { resourceClaimRules } from './device-kinds.ts';

const aClaim = (): ResourceClaim => ({
  apiVersion: 'resource.k8s.io/v1',
  kind: 'ResourceClaim',
  metadata: { name: 'c', namespace: 'default', uid: 'u', resourceVersion: '1', creationTimestamp: '' },
  spec: { devices: { requests: [{ name: 'gpu', exactly: { deviceClassName: 'gpu.example.com' } }] } },
});

describe('a resource claim', () => {
  it('asks for one device where it says nothing of how many', () => {
    const claim = aClaim();
    resourceClaimRules.setDefaults?.(claim);
    expect(claim.spec.devices?.requests?.[0]?.exactly).toMatchObject({
      allocationMode: 'ExactCount',
      count: 1,
    });
  });

  it('shows what has become of it', () => {
    const state = resourceClaimRules.columns?.find(({ name }) => name === 'State');
    const claim = aClaim();
    expect(state?.cell(claim, 0)).toBe('pending');
    claim.status = { allocation: {}, reservedFor: [{ resource: 'pods', name: 'p', uid: 'u' }] };
    expect(state?.cell(claim, 0)).toBe('allocated,reserved');
  });
});
