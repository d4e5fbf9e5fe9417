import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const autoscalers = new Judge('autoscaling', 'v2', 'horizontalpodautoscalers');
const older = new Judge('autoscaling', 'v1', 'horizontalpodautoscalers');
const budgets = new Judge('policy', 'v1', 'poddisruptionbudgets');

const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' };
const good = { scaleTargetRef, maxReplicas: 3 };
const metric = (of: object) => ({ metrics: [of] });
const at = 'spec.metrics[0]';
const types = '"ContainerResource", "External", "Object", "Pods", "Resource"';
const cpu = (target: object) => metric({ type: 'Resource', resource: { name: 'cpu', target } });
const up = (rules: object) => ({ behavior: { scaleUp: rules } });

describe('autoscalers', () => {
  it.each<[object, string[]]>([
    [
      { minReplicas: 0 },
      [
        'spec.minReplicas: Invalid value: 0: must be greater than or equal to 1',
        'spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas',
      ],
    ],
    [
      { maxReplicas: 0 },
      [
        'spec.maxReplicas: Required value: must be set and greater than 0',
        'spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`',
      ],
    ],
    [
      { scaleTargetRef: { kind: '', name: 'a/b' } },
      [
        'spec.scaleTargetRef.kind: Required value',
        'spec.scaleTargetRef.name: Invalid value: "a/b": may not contain \'/\'',
        'spec.scaleTargetRef.apiVersion: Invalid value: "": apiVersion must specify API group',
      ],
    ],
    [{ scaleTargetRef: { apiVersion: 'v1', kind: 'ReplicationController', name: 'r' } }, []],
    [
      metric({ type: '' }),
      [
        `${at}.type: Required value: must specify a metric source type`,
        `${at}.type: Unsupported value: "": supported values: ${types}`,
      ],
    ],
    [
      metric({ type: 'Pods' }),
      [`${at}.pods: Required value: must populate information for the given metric source`],
    ],
    [
      cpu({ type: 'Average', averageUtilization: 0, averageValue: '0' }),
      [
        `${at}.resource.target.type: Invalid value: "Average": must be either Utilization, Value, or AverageValue`,
        `${at}.resource.target.averageValue: Invalid value: "0": must be positive`,
        `${at}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0`,
        `${at}.resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization`,
      ],
    ],
    [
      cpu({ type: 'Utilization' }),
      [
        `${at}.resource.target.averageUtilization: Required value: must set either a target raw value or a target utilization`,
      ],
    ],
    [
      metric({
        type: 'ContainerResource',
        containerResource: { name: 'beer', container: '', target: { type: 'Value', averageValue: '1' } },
      }),
      [
        `${at}.containerResource.name: Invalid value: "beer": must be a standard resource type or fully qualified`,
        `${at}.containerResource.name: Invalid value: "beer": must be a standard resource for containers`,
        `${at}.containerResource.container: Required value: must specify a container`,
      ],
    ],
    [
      metric({
        type: 'Pods',
        pods: { metric: { name: '' }, target: { type: 'AverageValue' } },
        external: { metric: { name: 'm' }, target: { type: 'Value', value: '1', averageValue: '1' } },
      }),
      [
        `${at}.external.target.value: Forbidden: may not set both a target value for metric and a per-pod target`,
        `${at}.external: Forbidden: must populate the given metric source only`,
      ],
    ],
    [
      metric({
        type: 'Object',
        object: { describedObject: scaleTargetRef, metric: { name: 'm' }, target: { type: 'Value' } },
      }),
      [`${at}.object.target.averageValue: Required value: must set either a target value or averageValue`],
    ],
    [
      up({ stabilizationWindowSeconds: 3601, selectPolicy: 'Least', tolerance: '-1' }),
      [
        'spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600',
        'spec.behavior.scaleUp.selectPolicy: Unsupported value: "Least": supported values: "Disabled", "Max", "Min"',
        'spec.behavior.scaleUp.tolerance: Invalid value: "-1": must be greater than or equal to 0',
      ],
    ],
    [
      up({ policies: [{ type: 'Few', value: 0, periodSeconds: 1801 }] }),
      [
        'spec.behavior.scaleUp.policies[0].type: Unsupported value: "Few": supported values: "Percent", "Pods"',
        'spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero',
        'spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800',
      ],
    ],
  ])('are judged: %j', (part, expected) => {
    expect(autoscalers.ofNew({ spec: { ...good, ...part } })).toEqual(expected);
  });

  it('are judged alike in both versions', () => {
    expect(older.ofNew({ spec: { ...good, targetCPUUtilizationPercentage: 0 } })).toEqual([
      `${at}.resource.target.averageUtilization: Invalid value: 0: must be greater than 0`,
    ]);
    expect(older.ofNew({ spec: { ...good, maxReplicas: -1 } })).toEqual([
      'spec.maxReplicas: Invalid value: -1: must be greater than or equal to 1',
      'spec.maxReplicas: Invalid value: -1: must be greater than or equal to `minReplicas`',
    ]);
  });

  it('keep a version without a group for the kind that had it', () => {
    const spec = { ...good, scaleTargetRef: { ...scaleTargetRef, apiVersion: 'v1' } };
    expect(autoscalers.ofNew({ spec })).toHaveLength(1);
    expect(autoscalers.ofChange({ spec }, { spec: { ...spec, maxReplicas: 4 } })).toEqual([]);
  });

  it('count nothing below zero', () => {
    expect(
      autoscalers.ofChange({ spec: good }, { spec: good, status: { desiredReplicas: -1 } }, 'status'),
    ).toEqual(['status.desiredReplicas: Invalid value: -1: must be greater than or equal to 0']);
  });
});

describe('disruption budgets', () => {
  it.each<[object, string[]]>([
    [
      { minAvailable: 1, maxUnavailable: '10%' },
      [
        'spec: Invalid value: {"MinAvailable":1,"Selector":null,"MaxUnavailable":"10%","UnhealthyPodEvictionPolicy":null}: minAvailable and maxUnavailable cannot be both set',
      ],
    ],
    [{ minAvailable: -1 }, ['spec.minAvailable: Invalid value: -1: must be greater than or equal to 0']],
    [
      { maxUnavailable: '101%' },
      ['spec.maxUnavailable: Invalid value: "101%": must not be greater than 100%'],
    ],
    [
      { unhealthyPodEvictionPolicy: 'Never' },
      [
        'spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: "AlwaysAllow", "IfHealthyBudget"',
      ],
    ],
  ])('are judged: %j', (spec, expected) => {
    expect(budgets.ofNew({ spec })).toEqual(expected);
  });

  it('have whole conditions in their status', () => {
    const condition = { type: 'A', status: 'Maybe', reason: '-', lastTransitionTime: undefined };
    const status = { expectedPods: -1, conditions: [condition, { ...condition, observedGeneration: -1 }] };
    const reason =
      "a condition reason must start with alphabetic character, optionally followed by a string of alphanumeric characters or '_,:', and must end with an alphanumeric character or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName',  or 'ReasonA,ReasonB',  or 'ReasonA:ReasonB', regex used for validation is '[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?')";
    const wrong = (index: number, generation: readonly string[]): string[] => [
      `status.conditions[${index}].status: Unsupported value: "Maybe": supported values: "False", "True", "Unknown"`,
      ...generation,
      `status.conditions[${index}].lastTransitionTime: Required value: must be set`,
      `status.conditions[${index}].reason: Invalid value: "-": ${reason}`,
    ];
    expect(budgets.ofChange({}, { status }, 'status')).toEqual([
      ...wrong(0, []),
      'status.conditions[1].type: Duplicate value: "A"',
      ...wrong(1, [
        'status.conditions[1].observedGeneration: Invalid value: -1: must be greater than or equal to zero',
      ]),
      'status.expectedPods: Invalid value: -1: must be greater than or equal to 0',
    ]);
  });
});
