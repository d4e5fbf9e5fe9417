import { describe, expect, it } from 'vitest';
import { Judge } from '../../test/support/judged.ts';

const labels = { app: 'x' };
const selector = { matchLabels: labels };
const podSpec = { containers: [{ name: 'c', image: 'i', terminationMessagePolicy: 'File' }] };
const template = { metadata: { labels }, spec: podSpec };
const good = { selector, template };
const mismatch = '`selector` does not match template `labels`';
const unmatched = `spec.template.metadata.labels: Invalid value: {"app":"y"}: ${mismatch}`;
const notNegative = 'must be greater than or equal to 0';

const judges = {
  Deployment: new Judge('apps', 'v1', 'deployments'),
  ReplicaSet: new Judge('apps', 'v1', 'replicasets'),
  StatefulSet: new Judge('apps', 'v1', 'statefulsets'),
  DaemonSet: new Judge('apps', 'v1', 'daemonsets'),
  ReplicationController: new Judge('', 'v1', 'replicationcontrollers'),
} as const;
type Kind = keyof typeof judges;

const other = { ...template, metadata: { labels: { app: 'y' } } };
const ending = { ...template, spec: { ...podSpec, restartPolicy: 'Never', activeDeadlineSeconds: 5 } };
const ends = (owner: string): string[] => [
  'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  `spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ${owner} is not Supported`,
];
const rolling = (rollingUpdate: object) => ({ updateStrategy: { type: 'RollingUpdate', rollingUpdate } });
const unavailable = 'spec.updateStrategy.rollingUpdate.maxUnavailable';

describe('workloads', () => {
  it.each<[Kind, object, string[]]>([
    ['Deployment', { template: other }, [unmatched]],
    ['Deployment', { template: ending }, ends('ReplicaSet')],
    [
      'Deployment',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    [
      'Deployment',
      { strategy: { type: 'Bad', rollingUpdate: { maxSurge: 2 } } },
      [
        'spec.strategy: Unsupported value: {"Type":"Bad","RollingUpdate":{"MaxUnavailable":0,"MaxSurge":2}}: supported values: "Recreate", "RollingUpdate"',
      ],
    ],
    [
      'Deployment',
      { progressDeadlineSeconds: 5, minReadySeconds: 5 },
      ['spec.progressDeadlineSeconds: Invalid value: 5: must be greater than minReadySeconds'],
    ],
    ['ReplicaSet', { replicas: -1 }, [`spec.replicas: Invalid value: -1: ${notNegative}`]],
    [
      'ReplicaSet',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for deployment'],
    ],
    ['ReplicaSet', { template: ending }, ends('ReplicaSet')],
    ['StatefulSet', { template: other }, [unmatched]],
    ['StatefulSet', { template: ending }, ends('StatefulSet')],
    [
      'StatefulSet',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for statefulset'],
    ],
    [
      'StatefulSet',
      { podManagementPolicy: 'Any' },
      ["spec.podManagementPolicy: Invalid value: \"Any\": must be 'OrderedReady' or 'Parallel'"],
    ],
    [
      'StatefulSet',
      { updateStrategy: { type: 'Bad' } },
      [
        'spec.updateStrategy: Invalid value: {"Type":"Bad","RollingUpdate":null}: must be \'RollingUpdate\' or \'OnDelete\'',
      ],
    ],
    [
      'StatefulSet',
      { updateStrategy: { type: 'OnDelete', rollingUpdate: { partition: 1 } } },
      [
        'spec.updateStrategy.rollingUpdate: Invalid value: {"Partition":1,"MaxUnavailable":null}: only allowed for updateStrategy \'RollingUpdate\'',
      ],
    ],
    [
      'StatefulSet',
      rolling({ partition: -1, maxUnavailable: 0 }),
      [
        `spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: ${notNegative}`,
        `${unavailable}: Invalid value: 0: cannot be 0`,
      ],
    ],
    [
      'StatefulSet',
      rolling({ maxUnavailable: '101%' }),
      [`${unavailable}: Invalid value: "101%": must not be greater than 100%`],
    ],
    [
      'StatefulSet',
      { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Keep' } },
      [
        'spec.persistentVolumeClaimRetentionPolicy.whenDeleted: Unsupported value: "Keep": supported values: "Retain", "Delete"',
      ],
    ],
    [
      'StatefulSet',
      { serviceName: 'a.b', ordinals: { start: -1 } },
      [
        `spec.ordinals.start: Invalid value: -1: ${notNegative}`,
        'spec.serviceName: Invalid value: "a.b": must not contain dots',
      ],
    ],
    ['DaemonSet', { template: other }, [unmatched]],
    ['DaemonSet', { template: ending }, ends('DaemonSet')],
    ['DaemonSet', { selector: undefined }, [unmatched.replace('"y"', '"x"')]],
    [
      'DaemonSet',
      { selector: {} },
      ['spec.selector: Invalid value: {}: empty selector is invalid for daemonset'],
    ],
    [
      'DaemonSet',
      { updateStrategy: { type: 'Bad' }, revisionHistoryLimit: -1 },
      [
        'spec.updateStrategy: Unsupported value: {"Type":"Bad","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"',
        `spec.revisionHistoryLimit: Invalid value: -1: ${notNegative}`,
      ],
    ],
    [
      'DaemonSet',
      rolling({ maxUnavailable: 0, maxSurge: '0%' }),
      [`${unavailable}: Required value: cannot be 0 when maxSurge is 0`],
    ],
    [
      'DaemonSet',
      rolling({ maxUnavailable: 1, maxSurge: '101%' }),
      [
        'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "101%": must not be greater than 100%',
        'spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: "101%": may not be set when maxUnavailable is non-zero',
      ],
    ],
    ['ReplicationController', { selector: { app: 'x' }, template: other }, [unmatched]],
    ['ReplicationController', { selector: labels, template: ending }, ends('ReplicationController')],
    [
      'ReplicationController',
      { selector: undefined, template: undefined, replicas: -1, minReadySeconds: -1 },
      [
        `spec.minReadySeconds: Invalid value: -1: ${notNegative}`,
        'spec.selector: Required value',
        `spec.replicas: Invalid value: -1: ${notNegative}`,
        'spec.template: Required value',
      ],
    ],
  ])('refuse a new %s with %j', (kind, part, expected) => {
    expect(judges[kind].ofNew({ spec: { ...good, ...part } })).toEqual(expected);
  });

  it.each<[Kind, object, object, string[]]>([
    [
      'Deployment',
      { collisionCount: 2 },
      { replicas: 1, readyReplicas: 2, terminatingReplicas: -1, collisionCount: 1 },
      [
        `status.terminatingReplicas: Invalid value: -1: ${notNegative}`,
        'status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas',
        'status.collisionCount: Invalid value: 1: cannot be decremented',
      ],
    ],
    [
      'ReplicaSet',
      {},
      { replicas: 1, fullyLabeledReplicas: 2, availableReplicas: 1 },
      [
        'status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 1: cannot be greater than readyReplicas',
      ],
    ],
    [
      'StatefulSet',
      {},
      { replicas: 1, updatedReplicas: 2, availableReplicas: 1 },
      [
        'status.updatedReplicas: Invalid value: 2: cannot be greater than status.replicas',
        'status.availableReplicas: Invalid value: 1: cannot be greater than status.readyReplicas',
      ],
    ],
    [
      'DaemonSet',
      { collisionCount: 1 },
      { numberReady: -1 },
      [
        `status.numberReady: Invalid value: -1: ${notNegative}`,
        'status.collisionCount: Invalid value: 0: cannot be decremented',
      ],
    ],
    [
      'ReplicationController',
      {},
      { replicas: 1, readyReplicas: 2 },
      ['status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas'],
    ],
  ])('refuse the status of a %s after %j: %j', (kind, before, after, expected) => {
    const spec = kind === 'ReplicationController' ? { selector: labels, template } : good;
    expect(judges[kind].ofChange({ spec, status: before }, { spec, status: after }, 'status')).toEqual(
      expected,
    );
  });

  it('keep their selector; a StatefulSet keeps more', () => {
    const wider = { matchLabels: { ...labels, b: 'c' } };
    const spec = { selector: wider, template: { ...template, metadata: { labels: { ...labels, b: 'c' } } } };
    const fixed = 'spec.selector: Invalid value: {"matchLabels":{"app":"x","b":"c"}}: field is immutable';
    for (const kind of ['Deployment', 'ReplicaSet', 'DaemonSet'] as const)
      expect(judges[kind].ofChange({ spec: good }, { spec })).toEqual([fixed]);
    expect(judges.StatefulSet.ofChange({ spec: good }, { spec: { ...good, serviceName: 's' } })).toEqual([
      "spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden",
    ]);
  });

  it('leave a StatefulSet what it holds already, its name and its service too', () => {
    const old = { ...good, serviceName: 'A_b', template: { metadata: { labels }, spec: { containers: [] } } };
    const metadata = { name: 'a.b' };
    expect(
      judges.StatefulSet.ofChange({ metadata, spec: old }, { metadata, spec: { ...old, replicas: 3 } }),
    ).toEqual([]);
    expect(judges.StatefulSet.ofNew({ metadata, spec: good })).toEqual([
      'metadata.name: Invalid value: "a.b": must not contain dots',
    ]);
  });

  it('leave a strategy that a StatefulSet names as it is', () => {
    const strategyOf = (updateStrategy?: object): unknown =>
      Reflect.get(
        Object(judges.StatefulSet.object({ spec: { ...good, updateStrategy } })['spec']),
        'updateStrategy',
      );
    expect(strategyOf()).toEqual({ type: 'RollingUpdate', rollingUpdate: { partition: 0 } });
    expect(strategyOf({ type: 'RollingUpdate' })).toEqual({ type: 'RollingUpdate' });
  });

  it('count the templates of a DaemonSet, whatever its status writer says', () => {
    const key = 'deprecated.daemonset.template.generation';
    const generation = (object: { metadata: { annotations?: Record<string, string> | undefined } }) =>
      object.metadata.annotations?.[key];
    const claimed = { metadata: { annotations: { [key]: '7' } }, spec: good };
    const changed = { spec: { ...good, template: { ...template, spec: { ...podSpec, hostNetwork: true } } } };
    expect(generation(judges.DaemonSet.created(claimed))).toBe('7');
    expect(generation(judges.DaemonSet.updated({ spec: good }, claimed))).toBe('1');
    expect(generation(judges.DaemonSet.updated({ spec: good }, changed))).toBe('2');
    expect(generation(judges.DaemonSet.updated({ spec: good }, claimed, 'status'))).toBe('1');
  });

  it('take a resource by the name of what every object has for a resource', () => {
    const named = { constructor: '1' };
    const container = { ...podSpec.containers[0], resources: { limits: named } };
    const spec = { containers: [container], resources: { limits: { cpu: '1' } } };
    expect(judges.Deployment.ofNew({ spec: { ...good, template: { metadata: { labels }, spec } } })).toEqual([
      expect.stringContaining('resources.limits[constructor]: Invalid value: "constructor": must be a'),
      expect.stringContaining('resources.limits[constructor]: Invalid value: "constructor": must be a'),
    ]);
    const limits = new Judge('', 'v1', 'limitranges');
    const limit = { type: 'Pod', min: named, max: { cpu: '1' } };
    const wrong = expect.stringContaining(
      'spec.limits[0].min[constructor]: Invalid value: "constructor": must be',
    );
    expect(limits.ofNew({ spec: { limits: [limit] } })).toEqual([wrong, wrong]);
  });

  it('warn of names that pods will carry', () => {
    const dotted = { metadata: { name: 'a.b' }, spec: good };
    const warning =
      'metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]';
    expect(judges.Deployment.warnings(dotted)).toEqual([warning]);
    expect(judges.Deployment.warnings(dotted, dotted)).toEqual([]);
  });
});
