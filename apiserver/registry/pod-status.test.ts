import { describe, expect, it } from 'vitest';
import type { Container, ContainerStatus, Pod, PodSpec, PodStatus } from '../../api/generated/core-v1.ts';
import { podRules } from './pod.ts';
import type { WriteContext } from './strategy.ts';

const user = { name: 'u', uid: '', groups: [], extra: {} };
const context: WriteContext = { user, namespace: 'default', subresource: 'status', nowMs: 0 };
const container = { name: 'c', image: 'i' };

function podOf(spec: Partial<PodSpec>, status: PodStatus): Pod {
  const metadata = { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' };
  return structuredClone({
    ...{ apiVersion: 'v1', kind: 'Pod', metadata },
    spec: { containers: [container], ...spec },
    status: { qosClass: 'BestEffort', ...status },
  });
}

function problemsOf(spec: Partial<PodSpec>, before: PodStatus, after: PodStatus): string[] {
  const [next, current] = [podOf(spec, after), podOf(spec, before)];
  podRules.prepareForUpdate?.(next, current, context);
  return (podRules.validateStatus?.(next, current, context) ?? []).map(
    ({ field, message }) => `${field}: ${message}`,
  );
}

const statusOf = (state: ContainerStatus['state'], name = 'c'): ContainerStatus => ({
  ...{ name, state, ready: false, restartCount: 0, image: 'i', imageID: '' },
});
const ended = (exitCode: number, name?: string): ContainerStatus =>
  statusOf({ terminated: { exitCode } }, name);
const refused = (list: string): string[] => [
  `status.${list}[0].state: Forbidden: may not be transitioned to non-terminated state`,
];

describe('a container that has ended', () => {
  const rule = (action: string) => [{ action, exitCodes: { operator: 'In', values: [3] } }];
  const own = (more: Partial<Container>): Partial<PodSpec> => ({
    restartPolicy: 'Never',
    containers: [{ ...container, ...more }],
  });
  it.each<[string, Partial<PodSpec>, number, boolean]>([
    ['starts again always', { restartPolicy: 'Always' }, 0, true],
    ['starts again after a failure', { restartPolicy: 'OnFailure' }, 1, true],
    ['stays ended after a success', { restartPolicy: 'OnFailure' }, 0, false],
    ['stays ended where none starts again', { restartPolicy: 'Never' }, 1, false],
    ['starts again by its own policy', own({ restartPolicy: 'OnFailure' }), 1, true],
    [
      'starts again by its rule',
      own({ restartPolicy: 'Never', restartPolicyRules: rule('Restart') }),
      3,
      true,
    ],
    [
      'stays ended beside its rule',
      own({ restartPolicy: 'Never', restartPolicyRules: rule('Restart') }),
      4,
      false,
    ],
    [
      'starts again when a rule may start all again',
      own({ restartPolicy: 'Never', restartPolicyRules: rule('RestartAllContainers') }),
      0,
      true,
    ],
  ])('%s', (_, spec, exitCode, mayStart) => {
    for (const state of [{ running: {} }, { waiting: {} }]) {
      const change = problemsOf(
        spec,
        { containerStatuses: [ended(exitCode)] },
        { containerStatuses: [statusOf(state)] },
      );
      expect(change).toEqual(mayStart ? [] : refused('containerStatuses'));
    }
    const same = { containerStatuses: [ended(exitCode)] };
    expect(problemsOf(spec, same, same)).toEqual([]);
    expect(problemsOf(spec, same, {})).toEqual([]);
  });

  it('is an init container like any other, unless it is a sidecar', () => {
    const init = (more: Partial<Container>): Partial<PodSpec> => ({
      restartPolicy: 'Never',
      initContainers: [{ ...container, ...more }],
    });
    const [before, after] = [
      { initContainerStatuses: [ended(0)] },
      { initContainerStatuses: [statusOf({ running: {} })] },
    ];
    expect(problemsOf(init({}), before, after)).toEqual(refused('initContainerStatuses'));
    expect(problemsOf(init({ restartPolicy: 'Always' }), before, after)).toEqual([]);
  });

  it('stays ended when it was ephemeral, or is none of the pod’s', () => {
    const ephemeral = (status: ContainerStatus): PodStatus => ({ ephemeralContainerStatuses: [status] });
    expect(problemsOf({}, ephemeral(ended(1)), ephemeral(statusOf({ running: {} })))).toEqual(
      refused('ephemeralContainerStatuses'),
    );
    const strange = { containerStatuses: [statusOf({ running: {} }, 'x')] };
    expect(problemsOf({}, { containerStatuses: [ended(1, 'x')] }, strange)).toEqual(
      refused('containerStatuses'),
    );
  });
});

describe('a status', () => {
  it('nominates a node only for a pod that waits', () => {
    const nominated = { nominatedNodeName: 'n' };
    const problem =
      'status.nominatedNodeName: Forbidden: may not be set on pods that are already bound to a node';
    expect(problemsOf({}, {}, nominated)).toEqual([]);
    expect(problemsOf({ nodeName: 'm' }, {}, nominated)).toEqual([problem]);
    expect(problemsOf({ nodeName: 'm' }, nominated, nominated)).toEqual([]);
  });

  it('names conditions and claims that can be', () => {
    const conditions = [{ type: 'a/b/c', status: 'True', observedGeneration: -1 }];
    expect(problemsOf({}, {}, { conditions, resourceClaimStatuses: [{ name: 'x' }] })).toEqual([
      'status.conditions[0].observedGeneration: Invalid value: -1: must be a non-negative integer',
      expect.stringMatching(/^status\.conditions\[0\]\.Type: Invalid value: "a\/b\/c": a valid label key/),
      'status.resourceClaimStatuses[0].name: Invalid value: "x": must match the name of an entry in `spec.resourceClaims`',
    ]);
  });

  it('keeps the generations that an older client leaves out', () => {
    const ready = { type: 'Ready', status: 'True' };
    const current = podOf({}, { observedGeneration: 3, conditions: [{ ...ready, observedGeneration: 2 }] });
    const next = podOf({}, { conditions: [ready, { type: 'New', status: 'True' }] });
    podRules.prepareForUpdate?.(next, current, context);
    expect(next.status).toMatchObject({
      observedGeneration: 3,
      conditions: [{ observedGeneration: 2 }, { type: 'New' }],
    });
    expect(next.status?.conditions?.[1]).not.toHaveProperty('observedGeneration');
  });
});

describe('a field of a feature that is off', () => {
  const using: Partial<PodSpec> = {
    containers: [{ ...container, lifecycle: { stopSignal: 'SIGUSR1' } }],
    volumes: [{ name: 'v', projected: { sources: [{ clusterTrustBundle: { path: 'p' } }] } }],
  };
  const changed = (before: Partial<PodSpec> | undefined): PodSpec => {
    const next = podOf(using, {});
    if (before === undefined) podRules.prepareForCreate?.(next, { ...context, subresource: '' });
    else podRules.prepareForUpdate?.(next, podOf(before, {}), { ...context, subresource: '' });
    return next.spec;
  };

  it('is dropped, unless the pod has it already', () => {
    const dropped = { containers: [container], volumes: [{ name: 'v', projected: { sources: [{}] } }] };
    expect(changed(undefined)).toEqual(dropped);
    expect(changed({})).toEqual(dropped);
    expect(changed(using)).toEqual(using);
  });

  it.each<[string, Partial<PodSpec>, string]>([
    [
      'compares no tolerations',
      { tolerations: [{ key: 'k', operator: 'Gt', value: '1' }] },
      'spec.tolerations[0].operator: Unsupported value: "Gt": supported values: "Equal", "Exists"',
    ],
    [
      'mounts no labels',
      { securityContext: { seLinuxChangePolicy: 'MountOption' } },
      'spec.securityContext.seLinuxChangePolicy: Unsupported value: "MountOption": supported values: "Recursive"',
    ],
  ])('%s, unless the pod does so already', (_, spec, problem) => {
    const main = { ...context, subresource: '' };
    const told = (current: Partial<PodSpec>): string[] =>
      (podRules.validateUpdate?.(podOf(spec, {}), podOf(current, {}), main) ?? []).map(
        ({ field, message }) => `${field}: ${message}`,
      );
    expect(told({})).toContain(problem);
    expect(told(spec)).toEqual([]);
    const created = podRules.validateCreate?.(podOf(spec, {})) ?? [];
    expect(created.map(({ field, message }) => `${field}: ${message}`)).toEqual([problem]);
  });
});
