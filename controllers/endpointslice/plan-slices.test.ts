import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Pod, Service } from '../../api/generated/core-v1.ts';
import type { EndpointSlice } from '../../api/generated/discovery-v1.ts';
import { aMeta, aPod, aService } from '../../test/support/workload-objects.ts';
import { planEndpoints } from './endpoint.ts';
import { maxEndpointsPerSlice } from './packing.ts';
import { planSlices, type SlicePlan } from './plan-slices.ts';

const labels = { app: 'web' };
const pods: readonly Pod[] = Array.from({ length: 260 }, (_, i) =>
  aPod({ name: `pod-${i}`, node: 'a', ip: `10.0.${Math.floor(i / 250)}.${i % 250}`, labels }),
);

function plan(service: Service, wanted: readonly Pod[], slices: readonly EndpointSlice[]): SlicePlan {
  const endpoints = planEndpoints(service, wanted, () => ({ health: 'healthy', zone: undefined }));
  return planSlices(service, endpoints, slices);
}

/** The slices after the plan, as the server would have them. */
function applied(
  slices: readonly EndpointSlice[],
  { toCreate, toUpdate, toDelete }: SlicePlan,
): EndpointSlice[] {
  const kept = slices.filter((slice) => !toDelete.includes(slice));
  return [
    ...kept.map((slice) => toUpdate.find(({ metadata }) => metadata.name === slice.metadata.name) ?? slice),
    ...toCreate.map((slice) => ({ ...slice, metadata: aMeta(slice.metadata) })),
  ];
}

const addressesOf = (slices: readonly EndpointSlice[]): string[] =>
  slices.flatMap(({ endpoints }) => endpoints ?? []).flatMap(({ addresses }) => addresses);

describe('planSlices', () => {
  it('has one empty slice for a service without pods, and keeps it', () => {
    const service = aService();
    const first = applied([], plan(service, [], []));
    expect(first).toMatchObject([{ endpoints: [], ports: [], addressType: 'IPv4' }]);
    expect(plan(service, [], first)).toEqual({ toCreate: [], toUpdate: [], toDelete: [] });
  });

  it('reuses the slice of a service that shrinks to nothing and grows again', () => {
    const service = aService();
    const one = applied([], plan(service, pods.slice(0, 3), []));
    const none = plan(service, [], one);
    expect([none.toCreate, none.toDelete]).toEqual([[], []]);
    const again = plan(service, pods.slice(0, 3), applied(one, none));
    expect([again.toCreate.length, again.toUpdate.length, again.toDelete.length]).toEqual([0, 1, 0]);
  });

  it('carries the labels, the owner and the time of the change', () => {
    const service = aService({ clusterIP: 'None' }, { team: 'a' });
    const [slice] = plan(service, pods.slice(0, 1), []).toCreate;
    expect(slice?.metadata.labels).toEqual({
      team: 'a',
      'kubernetes.io/service-name': 'web',
      'endpointslice.kubernetes.io/managed-by': 'endpointslice-controller.k8s.io',
      'service.kubernetes.io/headless': '',
    });
    expect(slice?.metadata.ownerReferences).toMatchObject([{ kind: 'Service', controller: true }]);
    expect(slice?.metadata.annotations).toEqual({
      'endpoints.kubernetes.io/last-change-trigger-time': '2026-01-01T00:00:00Z',
    });
  });

  it('separates pods whose named port has another number', () => {
    const service = aService({ ports: [{ name: 'web', port: 80, targetPort: 'http' }] });
    const withPort = (ip: string, containerPort: number): Pod =>
      aPod({
        node: 'a',
        ip,
        labels,
        spec: {
          nodeName: 'a',
          containers: [{ name: 'main', image: 'nginx', ports: [{ name: 'http', containerPort }] }],
        },
      });
    const { toCreate } = plan(service, [withPort('10.0.0.1', 80), withPort('10.0.0.2', 8080)], []);
    expect(toCreate.map(({ ports }) => ports?.[0]?.port).sort()).toEqual([80, 8080]);
  });

  it('rewrites one slice for one pod', () => {
    const service = aService();
    const slices = applied([], plan(service, pods, []));
    expect(slices.map(({ endpoints }) => endpoints?.length)).toEqual([100, 100, 60]);
    const { toCreate, toUpdate, toDelete } = plan(service, pods.slice(1), slices);
    expect([toCreate.length, toUpdate.length, toDelete.length]).toEqual([0, 1, 0]);
  });

  it('shows exactly the pods there are, whatever came before, in slices that are not too large', () => {
    const subsets = fc.array(fc.subarray([...pods.keys()]), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(subsets, (rounds) => {
        const service = aService();
        let slices: EndpointSlice[] = [];
        for (const chosen of rounds) {
          const wanted = chosen.flatMap((i) => pods[i] ?? []);
          slices = applied(slices, plan(service, wanted, slices));
          expect(addressesOf(slices).sort()).toEqual(wanted.map(({ status }) => status?.podIP).sort());
          for (const { endpoints } of slices)
            expect(endpoints?.length ?? 0).toBeLessThanOrEqual(maxEndpointsPerSlice);
          expect(plan(service, wanted, slices)).toEqual({ toCreate: [], toUpdate: [], toDelete: [] });
        }
      }),
      { numRuns: 30 },
    );
  });
});
