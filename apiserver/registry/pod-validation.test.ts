import { describe, expect, it } from 'vitest';
import type { Pod, PodSpec } from '../../api/generated/core-v1.ts';
import { podRules } from './pod.ts';
import type { FieldError, WriteContext } from './strategy.ts';

const user = { name: 'u', uid: '', groups: [], extra: {} };
const context: WriteContext = { user, namespace: 'default', subresource: '', nowMs: 0 };
const text = (errors: readonly FieldError[]): string[] =>
  errors.map(({ field, message }) => `${field}: ${message}`);

const container = { name: 'c', image: 'i' };
function podOf(spec: Partial<PodSpec>): Pod {
  const pod: Pod = {
    ...{
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'a', uid: 'u', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
    },
    spec: structuredClone({ containers: [container], ...spec }),
  };
  podRules.setDefaults?.(pod);
  return pod;
}
const problemsOf = (spec: Partial<PodSpec>): string[] => {
  const pod = podOf(spec);
  return text([...(podRules.validate?.(pod, context) ?? []), ...(podRules.validateCreate?.(pod) ?? [])]);
};
const withContainer = (more: object): Partial<PodSpec> => ({ containers: [{ ...container, ...more }] });
const exitRule = (operator: string, action = 'Restart') => ({ action, exitCodes: { operator, values: [1] } });

describe('a new pod', () => {
  it.each<[string, Partial<PodSpec>, string[]]>([
    [
      'has no ephemeral containers yet',
      { ephemeralContainers: [{ ...container, name: 'e' }] },
      ['spec.ephemeralContainers: Forbidden: cannot be set on create'],
    ],
    [
      'is not bound while it is gated',
      { nodeName: 'n', schedulingGates: [{ name: 'g' }] },
      ['spec.nodeName: Forbidden: cannot be set until all schedulingGates have been cleared'],
    ],
    ['may have a secret without a name', { imagePullSecrets: [{}] }, []],
    [
      'names restart policies in their order',
      { restartPolicy: 'Maybe' },
      ['spec.restartPolicy: Unsupported value: "Maybe": supported values: "Always", "OnFailure", "Never"'],
    ],
    [
      'says how names are resolved, when nobody else does',
      { dnsPolicy: 'None' },
      ['spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None'],
    ],
    [
      'has a label as hostname',
      { hostname: 'a.b' },
      ['spec.hostname: Invalid value: "a.b": must not contain dots'],
    ],
    [
      'tolerates with values of labels',
      { tolerations: [{ key: 'k', operator: 'Exists', value: 'v' }] },
      [`spec.tolerations[0].operator: Invalid value: "v": value must be empty when \`operator\` is 'Exists'`],
    ],
    [
      'spreads over a least number of domains only as a must',
      {
        topologySpreadConstraints: [
          { maxSkew: 1, topologyKey: 'z', whenUnsatisfiable: 'ScheduleAnyway', minDomains: 2 },
        ],
      },
      [
        'spec.topologySpreadConstraints[0].minDomains: Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway',
      ],
    ],
    [
      'knows its claims',
      withContainer({ resources: { claims: [{ name: 'x' }] } }),
      [
        'spec.containers[0].resources.claims[0]: Not found: "x": must be one of the names in pod.spec.resourceClaims which is empty',
      ],
    ],
    [
      'asks for as much as its containers',
      {
        containers: [{ ...container, resources: { requests: { cpu: '2' } } }],
        resources: { requests: { cpu: '1' } },
      },
      [
        'spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to aggregate container requests of 2',
      ],
    ],
    [
      'has pages with memory only',
      withContainer({
        resources: { limits: { 'hugepages-2Mi': '3Mi' }, requests: { 'hugepages-2Mi': '3Mi' } },
      }),
      [
        'spec.containers[0].resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer multiple of hugepages-2Mi',
        'spec.containers[0].resources: Forbidden: HugePages require cpu or memory',
      ],
    ],
    [
      'restarts a container by rules that have a policy',
      withContainer({ restartPolicyRules: [exitRule('Is', 'Stop')] }),
      [
        'spec.containers[0].restartPolicy: Required value: must specify restartPolicy when restart rules are used',
        'spec.containers[0].restartPolicyRules[0].action: Unsupported value: "Stop": supported values: "Restart", "RestartAllContainers"',
        'spec.containers[0].restartPolicyRules[0].exitCodes.operator: Unsupported value: "Is": supported values: "In", "NotIn"',
      ],
    ],
    [
      'sleeps no longer than it has to end',
      withContainer({ lifecycle: { preStop: { sleep: { seconds: 31 } } } }),
      [
        'spec.containers[0].lifecycle.preStop.sleep: Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)',
      ],
    ],
    [
      'has devices of claims',
      {
        containers: [{ ...container, volumeDevices: [{ name: 'v', devicePath: '/dev/x' }] }],
        volumes: [{ name: 'v', emptyDir: {} }],
      },
      [
        'spec.containers[0].volumeDevices[0].name: Invalid value: "v": can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode',
      ],
    ],
    [
      'shows all of /proc to its own users only',
      withContainer({ securityContext: { procMount: 'Unmasked' } }),
      [
        'spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` must be false to use `Unmasked`',
      ],
    ],
  ])('%s', (_, spec, expected) => {
    expect(problemsOf(spec)).toEqual(expected);
  });

  it('asks as a whole for what its containers ask for, and for its limits where they do not', () => {
    const limits = { cpu: '2', memory: '1Gi' };
    const { spec } = podOf({
      ...withContainer({ resources: { requests: { cpu: '500m' } } }),
      resources: { limits },
    });
    expect(spec.resources?.requests).toEqual({ cpu: '500m', memory: '1Gi' });
  });
});

describe('a gated pod', () => {
  const terms = (...values: string[]) => ({
    nodeAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchExpressions: values.map((key) => ({ key, operator: 'Exists' })) }],
      },
    },
  });
  const gated = { schedulingGates: [{ name: 'g' }] };
  const updated = (before: Partial<PodSpec>, after: Partial<PodSpec>): string[] =>
    text(
      podRules.validateUpdate?.(podOf({ ...gated, ...after }), podOf({ ...gated, ...before }), context) ?? [],
    ).map((line) => line.slice(0, 120));

  it('may be narrowed', () => {
    expect(updated({ nodeSelector: { a: '1' } }, { nodeSelector: { a: '1', b: '2' } })).toEqual([]);
    expect(updated({}, { affinity: terms('a') })).toEqual([]);
    expect(updated({ affinity: terms('a') }, { affinity: terms('a', 'b') })).toEqual([]);
  });

  it('may not be sent elsewhere, nor gated more', () => {
    expect(updated({ nodeSelector: { a: '1' } }, { nodeSelector: { a: '2' } })).toEqual([
      'spec.nodeSelector: Invalid value: {"a":"2"}: only additions to spec.nodeSelector are allowed (no mutations or deletions)',
    ]);
    expect(updated({ affinity: terms('a') }, { affinity: terms('b') })[0]).toContain(
      'nodeSelectorTerms[0]: Invalid',
    );
    expect(updated({}, { affinity: { podAntiAffinity: {} } })[0]).toContain(
      'spec: Forbidden: pod updates may not',
    );
    expect(updated({}, { schedulingGates: [{ name: 'h' }] })).toEqual([
      "spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found new scheduling gate 'h'",
    ]);
  });
});
