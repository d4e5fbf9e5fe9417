import { describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { aPod, aService } from '../../test/support/workload-objects.ts';
import type { NodeHealth } from '../node-state.ts';
import { planEndpoints } from './endpoint.ts';

function readyOf(
  pods: readonly Pod[],
  health: Record<string, NodeHealth>,
  service = aService(),
): (boolean | undefined)[] {
  return planEndpoints(service, pods, (name) =>
    health[name] === undefined ? undefined : { health: health[name], zone: undefined },
  ).map(({ endpoint }) => endpoint.conditions?.ready);
}

const [onA, onB] = [aPod({ node: 'a', ip: '10.0.0.1' }), aPod({ node: 'b', ip: '10.0.0.2' })];

describe('planEndpoints', () => {
  it('has every pod with an address that has not finished', () => {
    const pods = [onA, aPod({ node: 'a' }), aPod({ node: 'a', ip: '10.0.0.3', phase: 'Succeeded' })];
    expect(readyOf(pods, { a: 'healthy' })).toEqual([true]);
  });

  it('takes a silent node out as long as another one serves', () => {
    expect(readyOf([onA, onB], { a: 'silent', b: 'healthy' })).toEqual([false, true]);
  });

  it('does not empty a service on suspicion', () => {
    expect(readyOf([onA, onB], { a: 'silent', b: 'silent' })).toEqual([true, true]);
    expect(
      readyOf([onA, aPod({ node: 'b', ip: '10.0.0.2', ready: false })], { a: 'silent', b: 'healthy' }),
    ).toEqual([true, false]);
  });

  it('empties it when the last node is dead', () => {
    expect(readyOf([onA, onB], { a: 'dead', b: 'dead' })).toEqual([false, false]);
  });

  it('drops pods of nodes that do not exist', () => {
    expect(readyOf([onA, onB], { b: 'healthy' })).toEqual([true]);
  });

  it('shows an ending pod as serving and not ready', () => {
    const ending = aPod({ node: 'a', ip: '10.0.0.1', deleting: true });
    const [planned] = planEndpoints(aService(), [ending], () => ({ health: 'healthy', zone: 'z' }));
    expect(planned?.endpoint.conditions).toEqual({ ready: false, serving: true, terminating: true });
    expect(planned?.endpoint.zone).toBe('z');
  });

  it('calls everything ready where the service says so', () => {
    const pods = [aPod({ node: 'a', ip: '10.0.0.1', ready: false })];
    expect(readyOf(pods, { a: 'dead' }, aService({ publishNotReadyAddresses: true }))).toEqual([true]);
  });

  it('names a pod that asks for a name below this service', () => {
    const spec = { hostname: 'zero', subdomain: 'web' };
    const named = aPod({ node: 'a', ip: '10.0.0.1', spec: { ...spec, nodeName: 'a' } });
    const [planned] = planEndpoints(aService(), [named], () => ({ health: 'healthy', zone: undefined }));
    expect(planned?.endpoint.hostname).toBe('zero');
  });
});
