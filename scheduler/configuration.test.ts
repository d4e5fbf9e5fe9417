import { describe, expect, it } from 'vitest';
import { seededRandom } from '../base/random.ts';
import { aNode, aPod, type PodDraft } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { parseConfiguration } from './configuration.ts';
import { toPodClass } from './framework/pod-class.ts';
import { profilesOf } from './profile.ts';
import { schedule } from './schedule.ts';

const file = (profile: object): string =>
  JSON.stringify({
    apiVersion: 'kubescheduler.config.k8s.io/v1',
    kind: 'KubeSchedulerConfiguration',
    profiles: [{ schedulerName: 'mine', ...profile }],
  });

const whole = (fields: object): string =>
  JSON.stringify({
    ...{ apiVersion: 'kubescheduler.config.k8s.io/v1', kind: 'KubeSchedulerConfiguration' },
    ...fields,
  });

/** Where a profile puts a pod; `full` is nearly full, `empty` has more room, `zoned` has a zone. */
function placeBy(profile: object, draft: PodDraft = { cpu: '500m' }): string | undefined {
  const cluster = new Cluster();
  for (const name of ['empty', 'full']) cluster.setNode(aNode({ name, cpu: '4' }));
  const podClass = toPodClass(aPod({ cpu: '3', memory: '5Gi' }));
  const there = { uid: 'there', name: 'default/there', podClass, nodeName: 'full' };
  cluster.setPod({ ...there, isLive: true, isAssumed: false });
  const configured = parseConfiguration(file(profile));
  const profiles = profilesOf({ cluster, strategy: 'least-loaded', random: seededRandom(1), configured });
  const mine = profiles.get('mine');
  return mine === undefined
    ? undefined
    : schedule(mine.context, toPodClass(aPod(draft)), mine.strategy)?.name;
}

const scoredBy = (scoringStrategy: object): object => ({
  plugins: { score: { disabled: [{ name: '*' }], enabled: [{ name: 'NodeResourcesFit', weight: 3 }] } },
  pluginConfig: [{ name: 'NodeResourcesFit', args: { scoringStrategy } }],
});

/** As kube-scheduler writes its defaults. */
const asDumped = [
  { name: 'DefaultPreemption', args: { minCandidateNodesAbsolute: 100, minCandidateNodesPercentage: 10 } },
  { name: 'DynamicResources', args: { filterTimeout: '10s' } },
  {
    name: 'InterPodAffinity',
    args: { hardPodAffinityWeight: 1, ignorePreferredTermsOfExistingPods: false },
  },
  { name: 'NodeAffinity', args: { kind: 'NodeAffinityArgs' } },
  { name: 'PodTopologySpread', args: { defaultingType: 'System' } },
  { name: 'VolumeBinding', args: { bindTimeoutSeconds: 600 } },
];
const args = (name: string, fields: object): string => file({ pluginConfig: [{ name, args: fields }] });
const enforced = (expression: object) => ({
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [expression] }] },
});

describe('configuration', () => {
  it.each([
    ['LeastAllocated', {}, 'empty'],
    ['MostAllocated', { resources: [{ name: 'cpu', weight: 2 }] }, 'full'],
    [
      'RequestedToCapacityRatio',
      {
        requestedToCapacityRatio: {
          shape: [
            { utilization: 0, score: 0 },
            { utilization: 100, score: 10 },
          ],
        },
      },
      'full',
    ],
    [
      'RequestedToCapacityRatio',
      {
        requestedToCapacityRatio: {
          shape: [
            { utilization: 0, score: 10 },
            { utilization: 100, score: 0 },
          ],
        },
      },
      'empty',
    ],
  ])('chooses by %s %j', (type, more, expected) => {
    expect(placeBy(scoredBy({ type, ...more }))).toBe(expected);
  });

  it('leaves out what is disabled', () => {
    const big = { cpu: '8' };
    expect(placeBy({}, big)).toBeUndefined();
    expect(placeBy({ plugins: { filter: { disabled: [{ name: 'NodeResourcesFit' }] } } }, big)).toBeDefined();
  });

  it('asks of nodes what it adds to every pod, and prefers what it says', () => {
    const adding = (addedAffinity: object) => ({
      pluginConfig: [{ name: 'NodeAffinity', args: { addedAffinity } }],
    });
    const isFull = { key: 'kubernetes.io/hostname', operator: 'In', values: ['full'] };
    expect(placeBy(adding(enforced(isFull)))).toBe('full');
    expect(placeBy(adding(enforced({ key: 'gpu', operator: 'Exists' })))).toBeUndefined();
    const preferred = [{ weight: 1, preference: { matchExpressions: [isFull] } }];
    const plugins = { score: { enabled: [{ name: 'NodeAffinity', weight: 100 }] } };
    const preferring = adding({ preferredDuringSchedulingIgnoredDuringExecution: preferred });
    expect(placeBy({ ...preferring, plugins })).toBe('full');
  });

  it('ignores extended resources by name and by group', () => {
    const spec = { containers: [{ name: 'a', resources: { requests: { 'example.com/fpga': '1' } } }] };
    const ignoring = (fields: object) => ({ pluginConfig: [{ name: 'NodeResourcesFit', args: fields }] });
    expect(placeBy({}, { spec })).toBeUndefined();
    expect(placeBy(ignoring({ ignoredResources: ['example.com/fpga'] }), { spec })).toBe('empty');
    expect(placeBy(ignoring({ ignoredResourceGroups: ['example.com'] }), { spec })).toBe('empty');
    expect(placeBy(ignoring({ ignoredResourceGroups: ['example.org'] }), { spec })).toBeUndefined();
  });

  it('spreads pods without constraints by its own', () => {
    const defaultConstraints = [{ topologyKey: 'zone', maxSkew: 1, whenUnsatisfiable: 'DoNotSchedule' }];
    const profile = {
      pluginConfig: [{ name: 'PodTopologySpread', args: { defaultConstraints, defaultingType: 'List' } }],
    };
    expect(placeBy(profile, { owner: 'x' })).toBeUndefined();
    expect(placeBy(profile)).toBeDefined();
  });

  it('keeps the built-in profiles beside its own', () => {
    const configured = parseConfiguration(file({ strategy: 'round-robin' }));
    const profiles = profilesOf({
      cluster: new Cluster(),
      strategy: 'random',
      random: seededRandom(1),
      configured,
    });
    expect(profiles.get('mine')?.strategy.name).toBe('round-robin');
    expect(profiles.get('default-scheduler')?.strategy.name).toBe('random');
    expect(profiles.get('coracle-least-loaded')?.strategy.name).toBe('least-loaded');
  });

  it('takes a file as kube-scheduler has it', () => {
    const fields = {
      ...{ clientConnection: { kubeconfig: 'x' }, leaderElection: { leaderElect: true }, parallelism: 16 },
      ...{
        percentageOfNodesToScore: 50,
        podInitialBackoffSeconds: 1,
        podMaxBackoffSeconds: 10,
        extenders: [],
      },
      profiles: [
        { pluginConfig: asDumped, plugins: { multiPoint: { enabled: [{ name: 'DynamicResources' }] } } },
      ],
    };
    expect(parseConfiguration(whole(fields)).map(({ schedulerName }) => schedulerName)).toEqual([
      'default-scheduler',
    ]);
  });

  it.each([
    ['{}', /apiVersion: must be/],
    [file({ strategy: 'best' }), /profiles\[0\]\.strategy: must be least-loaded/],
    [file({ plugins: { score: { enabled: [{ name: 'Nonsense' }] } } }), /there is no plugin "Nonsense"/],
    [file({ plugins: { score: { enabled: [{ name: 'ImageLocality', weight: 101 }] } } }), /0 to 100/],
    [args('NodeAffinity', { addedAffinity: { required: [] } }), /addedAffinity: "required" is not supported/],
    [
      args('NodeAffinity', { addedAffinity: enforced({ key: 'zone', operator: 'Near' }) }),
      /nodeSelectorTerms\[0\]\.matchExpressions\[0\]\.operator: must be In or/,
    ],
    [args('VolumeBinding', { bindTimeoutSeconds: 5 }), /bindTimeoutSeconds: is always 600/],
    [args('InterPodAffinity', { hardPodAffinityWeight: 5 }), /hardPodAffinityWeight: is always 1/],
    [args('DefaultPreemption', { minCandidateNodesPercentage: 101 }), /0 to 100/],
    [args('NodeResourcesFit', { ignoredResourceGroups: ['a/b'] }), /"a\/b" has a "\/"/],
    [
      args('PodTopologySpread', {
        defaultConstraints: [{ topologyKey: 'zone', maxSkew: 1, whenUnsatisfiable: 'ScheduleAnyway' }],
      }),
      /need defaultingType: List/,
    ],
    [file({ plugins: { bind: { disabled: [{ name: '*' }] } } }), /cannot be disabled/],
    [file(scoredBy({ type: 'RequestedToCapacityRatio' })), /must be a list/],
    ['profiles: [', /flow/i],
    [whole({ profile: [] }), /the file: "profile" is not supported/],
    [whole({ extenders: [{ urlPrefix: 'http://x' }] }), /extenders: are not supported/],
    [whole({ podMaxBackoffSeconds: 60 }), /podMaxBackoffSeconds: is always 10/],
    [file({ schedulername: 'x' }), /profiles\[0\]: "schedulername" is not supported/],
    [file({ plugins: { scores: {} } }), /profiles\[0\]\.plugins: "scores" is not supported/],
    [
      file({ pluginConfig: [{ name: 'NodeResourcesFit', arg: {} }] }),
      /pluginConfig\[0\]: "arg" is not supported/,
    ],
  ])('refuses %s', (text, message) => {
    expect(() => parseConfiguration(text)).toThrow(message);
  });
});
