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
    [
      file({ pluginConfig: [{ name: 'NodeAffinity', args: { addedAffinity: {} } }] }),
      /"addedAffinity" is not supported/,
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
