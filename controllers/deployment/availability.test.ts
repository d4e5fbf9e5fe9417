import { describe, expect, it } from 'vitest';
import { aDeployment } from '../../test/support/workload-objects.ts';
import { maxSurge, maxUnavailable } from './availability.ts';

describe('maxSurge and maxUnavailable', () => {
  it.each([
    { replicas: 3, surge: '25%', unavailable: '25%', expected: [1, 0] },
    { replicas: 10, surge: '25%', unavailable: '25%', expected: [3, 2] },
    { replicas: 10, surge: 0, unavailable: 0, expected: [0, 1] },
    { replicas: 3, surge: '0%', unavailable: '10%', expected: [0, 1] },
    { replicas: 2, surge: 1, unavailable: 5, expected: [1, 2] },
    { replicas: 0, surge: 1, unavailable: 1, expected: [1, 0] },
  ])(
    'of $replicas with $surge and $unavailable are $expected',
    ({ replicas, surge, unavailable, expected }) => {
      const deployment = aDeployment({
        spec: { replicas, strategy: { rollingUpdate: { maxSurge: surge, maxUnavailable: unavailable } } },
      });
      expect([maxSurge(deployment), maxUnavailable(deployment)]).toEqual(expected);
    },
  );

  it('are 0 for Recreate', () => {
    const deployment = aDeployment({ spec: { strategy: { type: 'Recreate' } } });
    expect([maxSurge(deployment), maxUnavailable(deployment)]).toEqual([0, 0]);
  });
});
