import { describe, expect, it } from 'vitest';
import type { AnyObject } from '../../api/kind-info.ts';
import { autoscalerConversion } from './autoscaler-conversion.ts';

const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };

function storedStatusOf(status: object): unknown {
  const object: AnyObject = { apiVersion: 'autoscaling/v1', kind: 'HorizontalPodAutoscaler', metadata };
  return autoscalerConversion.toStored({ ...object, spec: {}, status })['status'];
}

describe('an autoscaler of v1', () => {
  it('is stored without the zeros that v2 leaves out', () => {
    expect(storedStatusOf({ currentReplicas: 0, desiredReplicas: 0 })).toEqual({
      desiredReplicas: 0,
      currentMetrics: null,
    });
    expect(storedStatusOf({ currentReplicas: 3 })).toEqual({
      currentReplicas: 3,
      desiredReplicas: 0,
      currentMetrics: null,
    });
  });
});
