import { expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { aPod } from '../../test/support/scheduling-objects.ts';
import { toPodClass } from './pod-class.ts';

const condition = (type: string, reason?: string) => ({
  ...{ type, status: 'True', lastTransitionTime: '2026-01-01T00:00:00Z' },
  ...(reason === undefined ? {} : { reason }),
});

function cpuOf(granted: string, conditions: ReturnType<typeof condition>[], used = granted): number {
  const pod = aPod({ cpu: '2' });
  const [container] = pod.spec.containers;
  const status = {
    ...{ name: container?.name ?? '', image: '', imageID: '', ready: true, restartCount: 0 },
    allocatedResources: { cpu: granted },
    resources: { requests: { cpu: used } },
  };
  const resized: Pod = { ...pod, status: { ...pod.status, conditions, containerStatuses: [status] } };
  return toPodClass(resized).requests.cpuMillis;
}

it('a pod takes the greatest of what it asks for, what it was granted and what it has', () => {
  expect(cpuOf('2', [])).toBe(2_000);
  expect(cpuOf('1', [])).toBe(2_000);
  // Its spec has just become smaller: nobody has told its node.
  expect(cpuOf('3', [])).toBe(3_000);
  expect(cpuOf('2', [], '3')).toBe(3_000);
  expect(cpuOf('1', [condition('PodResizePending', 'Deferred')])).toBe(2_000);
  expect(cpuOf('3', [condition('PodResizeInProgress')])).toBe(3_000);
});

it('a pod whose resize its node can never grant takes what it was granted', () => {
  expect(cpuOf('1', [condition('PodResizePending', 'Infeasible')])).toBe(1_000);
  expect(cpuOf('1', [condition('PodResizePending', 'Infeasible')], '1500m')).toBe(1_500);
});
