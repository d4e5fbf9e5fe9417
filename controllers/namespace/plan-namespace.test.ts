import { describe, expect, it } from 'vitest';
import { t0Ms } from '../../test/support/workload-objects.ts';
import { planNamespaceConditions } from './plan-namespace.ts';

describe('planNamespaceConditions', () => {
  it('names what is left and which finalizers keep it', () => {
    const remaining = [{ resource: 'pods.', count: 2, finalizers: ['example.com/a', 'example.com/a'] }];
    const findings = { discoveryError: undefined, deletionError: undefined, remaining };
    const conditions = planNamespaceConditions([], findings, t0Ms);
    expect(conditions.filter(({ status }) => status === 'True').map(({ message }) => message)).toEqual([
      'Some resources are remaining: pods. has 2 resource instances',
      'Some content in the namespace has finalizers remaining: example.com/a in 2 resource instances',
    ]);
    const later = planNamespaceConditions(conditions, findings, t0Ms + 60_000);
    expect(later).toEqual(conditions);
  });

  it('leaves the conditions that others have set', () => {
    const findings = { discoveryError: undefined, deletionError: undefined, remaining: [] };
    const others = [{ type: 'StatusPatch', status: 'True', reason: 'E2E', message: 'by hand' }];
    const conditions = planNamespaceConditions(others, findings, t0Ms);
    expect(conditions).toHaveLength(6);
    expect(conditions[0]).toEqual(others[0]);
    expect(planNamespaceConditions(conditions, findings, t0Ms + 60_000)).toEqual(conditions);
  });
});
