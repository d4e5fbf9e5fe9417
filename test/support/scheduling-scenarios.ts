/**
 * Random clusters, pods and histories of them, for the scheduler and its naive reference alike.
 */
import fc from 'fast-check';
import type { Node, Pod } from '../../api/generated/core-v1.ts';
import type { LabelSelector } from '../../api/generated/meta-v1.ts';
import { mergeLabelKeys } from '../../apiserver/registry/label-key-merge.ts';
import { noVolumeNeeds, type VolumeNeeds } from '../../scheduler/framework/volume-needs.ts';
import { aNode, aPod } from './scheduling-objects.ts';
import type { ReferenceProfile } from './scheduling-reference.ts';

export const namespaceLabels: Record<string, Record<string, string>> = {
  one: { team: 'red' },
  two: { team: 'blue' },
};
const keys = ['zone', 'rack', 'kubernetes.io/hostname'] as const;
const maybe = <T>(value: fc.Arbitrary<T>, freq = 3): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined, freq });
const rarely = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const none = fc.constant<never[]>([]);
const app = fc.constantFrom('x', 'y');

/** Claims, and who attaches their volumes. */
const disks = ['d1', 'd2', 'd3', 'other'] as const;
const driverOf = (disk: string): string => (disk === 'other' ? 'other.example' : 'disk.example');
export const drivers: Record<string, string> = Object.fromEntries(
  disks.flatMap((disk) => ['one', 'two'].map((namespace) => [`${namespace}/${disk}`, driverOf(disk)])),
);

const newZone = 'topology.kubernetes.io/zone';
const oldZone = 'failure-domain.beta.kubernetes.io/zone';
/** Of the volume of a disk, in either namespace. */
const zonesOf: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  d2: { [newZone]: 'a__c' },
  d3: { [oldZone]: 'b' },
};
export const volumeLabels: Record<string, Readonly<Record<string, string>>> = Object.fromEntries(
  Object.entries(zonesOf).flatMap(([disk, labels]) => ['one', 'two'].map((ns) => [`${ns}/${disk}`, labels])),
);

const nodeDraft = fc.record({
  cpu: fc.constantFrom('1', '2', '4', '16'),
  pods: fc.integer({ min: 1, max: 9 }),
  zone: maybe(fc.constantFrom('a', 'b'), 6),
  rack: maybe(fc.constantFrom('1', '2', '3')),
  taint: rarely(fc.constantFrom('NoSchedule', 'PreferNoSchedule')),
  unschedulable: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
  diskLimit: rarely(fc.integer({ min: 0, max: 2 })),
  attached: rarely(fc.constantFrom('one/d1', 'two/d2')),
  rank: maybe(fc.constantFrom('1', '5', '-7', '+6', 'high', '1.5')),
  place: maybe(fc.constantFrom({ [newZone]: 'a' }, { [newZone]: 'b' }, { [oldZone]: 'b' })),
  gpus: fc.constantFrom('0', '1', '3'),
});

const term = fc.record({
  topologyKey: fc.constantFrom(...keys),
  labelSelector: maybe(
    fc.oneof(
      app.map((name) => ({ matchLabels: { app: name } })),
      fc.constant<LabelSelector>({ matchExpressions: [{ key: 'tier', operator: 'Exists' }] }),
    ),
    9,
  ),
  namespaces: rarely(fc.constant<string[]>(['two'])),
  namespaceSelector: rarely(fc.constantFrom<LabelSelector[]>({}, { matchLabels: { team: 'red' } })),
  matchLabelKeys: rarely(fc.constant<string[]>(['tier'])),
  mismatchLabelKeys: rarely(fc.constant<string[]>(['app'])),
});
const weighted = fc.record({ weight: fc.integer({ min: 1, max: 100 }), podAffinityTerm: term });
const terms = (max = 1) =>
  fc.oneof(
    { weight: 5, arbitrary: none },
    { weight: 1, arbitrary: fc.array(term, { maxLength: max, minLength: 1 }) },
  );
const preferred = fc.oneof(
  { weight: 5, arbitrary: none },
  { weight: 1, arbitrary: fc.array(weighted, { maxLength: 2, minLength: 1 }) },
);

const spreadConstraint = fc.record({
  topologyKey: fc.constantFrom(...keys),
  maxSkew: fc.integer({ min: 1, max: 3 }),
  whenUnsatisfiable: fc.constantFrom('DoNotSchedule', 'ScheduleAnyway'),
  labelSelector: app.map((name) => ({ matchLabels: { app: name } })),
  matchLabelKeys: rarely(fc.constant<string[]>(['tier'])),
  nodeAffinityPolicy: rarely(fc.constant('Ignore')),
  nodeTaintsPolicy: rarely(fc.constant('Honor')),
});
const spread = fc
  .oneof(
    { weight: 2, arbitrary: none },
    {
      weight: 1,
      arbitrary: fc.uniqueArray(fc.tuple(spreadConstraint, rarely(fc.integer({ min: 2, max: 3 }))), {
        minLength: 1,
        maxLength: 2,
        selector: ([each]) => `${each.topologyKey} ${each.whenUnsatisfiable}`,
      }),
    },
  )
  .map((all) =>
    all.map(([each, minDomains]) => ({
      ...each,
      minDomains: each.whenUnsatisfiable === 'DoNotSchedule' ? minDomains : undefined,
    })),
  );

const podDraft = fc.record({
  cpu: fc.constantFrom(undefined, '100m', '700m', '2'),
  initCpu: rarely(fc.constantFrom('300m', '1')),
  isSidecar: fc.boolean(),
  hostPort: rarely(fc.constantFrom(80, 443)),
  namespace: fc.constantFrom('one', 'one', 'two'),
  app,
  tier: maybe(fc.constantFrom('front', 'back')),
  zone: rarely(fc.constantFrom('a', 'b')),
  prefersRack: rarely(fc.constantFrom('1', '2')),
  tolerates: fc.boolean(),
  disks: fc.oneof(
    { weight: 3, arbitrary: fc.constant<string[]>([]) },
    {
      weight: 2,
      arbitrary: fc.uniqueArray(fc.constantFrom<string[]>(...disks), { minLength: 1, maxLength: 2 }),
    },
  ),
  owner: maybe(fc.constantFrom('o', 'p')),
  priority: fc.constantFrom(0, 0, 5),
  /** For the whole pod, beside what the containers say. */
  wholeCpu: rarely(fc.constantFrom('150m', '1500m')),
  overhead: rarely(fc.constant('250m')),
  gpus: rarely(fc.constantFrom('1', '2')),
  requires: rarely(
    fc.array(
      fc.record({
        matchExpressions: fc.array(
          fc.oneof(
            fc.record({
              key: fc.constant('rank'),
              operator: fc.constantFrom('Gt', 'Lt'),
              values: fc.constantFrom<string[][]>(['0'], ['5'], ['-8'], ['x']),
            }),
            fc.record({ key: fc.constant('rank'), operator: fc.constantFrom('Exists', 'DoesNotExist') }),
            fc.record({
              key: fc.constant('zone'),
              operator: fc.constant('NotIn'),
              values: fc.constant<string[]>(['a']),
            }),
          ),
          { maxLength: 2 },
        ),
        matchFields: rarely(
          fc.record({ operator: fc.constantFrom('In', 'NotIn'), name: fc.constantFrom('node-0', 'node-2') }),
        ),
      }),
      { minLength: 1, maxLength: 2 },
    ),
  ),
  affinity: terms(2),
  antiAffinity: terms(),
  prefers: preferred,
  prefersAnti: preferred,
  spread,
  /** By a server that writes label keys into selectors. */
  isStored: fc.boolean(),
});

const preference = { matchExpressions: [{ key: 'zone', operator: 'In', values: ['b'] }] };
/** Arguments of plugins; none most of the time. */
const profile = fc.oneof(
  { weight: 4, arbitrary: fc.constant<ReferenceProfile>({}) },
  {
    weight: 1,
    arbitrary: fc.constantFrom<ReferenceProfile[]>(
      {
        strategy: 'MostAllocated',
        resources: [
          { name: 'cpu', weight: 3 },
          { name: 'example.com/gpu', weight: 2 },
        ],
      },
      {
        strategy: 'RequestedToCapacityRatio',
        shape: [
          { utilization: 10, score: 2 },
          { utilization: 60, score: 9 },
          { utilization: 80, score: 0 },
        ],
      },
      { addedTerms: [{ matchExpressions: [{ key: 'zone', operator: 'Exists' }] }] },
      { addedPreferences: [{ weight: 7, preference }] },
      { ignored: ['example.com/gpu'] },
    ),
  },
);
type Draft<A> = A extends fc.Arbitrary<infer D> ? D : never;

const defined = (labels: Record<string, string | undefined>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );

const nodeOf = (draft: Draft<typeof nodeDraft>, i: number): Node =>
  aNode({
    ...{ name: `node-${i}`, cpu: draft.cpu, pods: draft.pods, unschedulable: draft.unschedulable },
    labels: defined({ zone: draft.zone, rack: draft.rack, rank: draft.rank, ...draft.place }),
    extra: { 'example.com/gpu': draft.gpus },
    taints: draft.taint === undefined ? [] : [{ key: 'dedicated', effect: draft.taint }],
  });

function podOf(draft: Draft<typeof podDraft>): Pod {
  const pod = structuredClone(draftedPod(draft));
  if (draft.isStored) mergeLabelKeys(pod);
  return pod;
}

function draftedPod(draft: Draft<typeof podDraft>): Pod {
  const { initCpu, isSidecar, zone, tolerates, wholeCpu, overhead, gpus } = draft;
  const init = {
    name: 'init',
    ...(isSidecar ? { restartPolicy: 'Always' } : {}),
    resources: { requests: { cpu: initCpu ?? '0' } },
  };
  return aPod({
    ...{ cpu: draft.cpu, owner: draft.owner, namespace: draft.namespace, extra: defined({ [gpu]: gpus }) },
    labels: defined({ app: draft.app, tier: draft.tier }),
    hostPorts: draft.hostPort === undefined ? [] : [draft.hostPort],
    spec: {
      ...(initCpu === undefined ? {} : { initContainers: [init] }),
      ...(wholeCpu === undefined ? {} : { resources: { requests: { cpu: wholeCpu } } }),
      ...(overhead === undefined ? {} : { overhead: { cpu: overhead } }),
      priority: draft.priority,
      nodeSelector: zone === undefined ? {} : { zone },
      volumes: draft.disks.map((name) => ({ name, persistentVolumeClaim: { claimName: name } })),
      tolerations: tolerates ? [{ key: 'dedicated', operator: 'Exists' }] : [],
      topologySpreadConstraints: draft.spread,
      affinity: affinityOf(draft),
    },
  });
}

const gpu = 'example.com/gpu';

function affinityOf(draft: Draft<typeof podDraft>): NonNullable<Pod['spec']['affinity']> {
  const { prefersRack, requires } = draft;
  const inRack = { matchExpressions: [{ key: 'rack', operator: 'In', values: [prefersRack ?? ''] }] };
  const nodeSelectorTerms = (requires ?? []).map(({ matchExpressions, matchFields }) => ({
    matchExpressions,
    matchFields:
      matchFields === undefined
        ? []
        : [{ key: 'metadata.name', operator: matchFields.operator, values: [matchFields.name] }],
  }));
  return {
    podAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: draft.affinity,
      preferredDuringSchedulingIgnoredDuringExecution: draft.prefers,
    },
    podAntiAffinity: {
      requiredDuringSchedulingIgnoredDuringExecution: draft.antiAffinity,
      preferredDuringSchedulingIgnoredDuringExecution: draft.prefersAnti,
    },
    nodeAffinity: {
      preferredDuringSchedulingIgnoredDuringExecution:
        prefersRack === undefined ? [] : [{ weight: 5, preference: inRack }],
      ...(requires === undefined
        ? {}
        : { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } }),
    },
  };
}

export function volumeNeedsOf({ metadata, spec }: Pod): VolumeNeeds {
  const attached = (spec.volumes ?? []).map(({ name }) => ({
    driver: driverOf(name),
    claim: `${metadata.namespace}/${name}`,
  }));
  const zones = (spec.volumes ?? []).flatMap(({ name }) => {
    const labels = zonesOf[name];
    return labels === undefined ? [] : [labels];
  });
  return attached.length === 0 ? noVolumeNeeds : { ...noVolumeNeeds, attached, zones };
}

export interface NodeCase {
  readonly node: Node;
  /** Of the driver `disk.example`. */
  readonly diskLimit: number | undefined;
  /** A claim whose disk is attached there, whoever uses it. */
  readonly attached: string | undefined;
}

export type Step =
  | { readonly kind: 'place'; readonly template: number }
  | { readonly kind: 'nominate'; readonly template: number; readonly node: string }
  | { readonly kind: 'remove' | 'end' | 'withdraw'; readonly at: number }
  | ({ readonly kind: 'setNode' } & NodeCase)
  | { readonly kind: 'removeNode'; readonly name: string };

export interface Scenario {
  /** Few, so that pods of one class come again and again. */
  readonly templates: readonly Pod[];
  readonly nodes: readonly NodeCase[];
  readonly steps: readonly Step[];
  readonly profile: ReferenceProfile;
}

const nodeCase = (draft: Draft<typeof nodeDraft>, i: number): NodeCase => ({
  node: nodeOf(draft, i),
  diskLimit: draft.diskLimit,
  attached: draft.attached,
});
const template = fc.nat(3);
const step = fc.oneof<fc.WeightedArbitrary<Step>[]>(
  { weight: 8, arbitrary: template.map((at) => ({ kind: 'place', template: at })) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constantFrom('remove', 'end'), at: fc.nat(8) }),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(nodeDraft, fc.nat(6))
      .map(([draft, i]) => ({ kind: 'setNode', ...nodeCase(draft, i) })),
  },
  { weight: 1, arbitrary: fc.nat(6).map((i) => ({ kind: 'removeNode', name: `node-${i}` })) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(template, fc.nat(4))
      .map(([at, i]) => ({ kind: 'nominate', template: at, node: `node-${i}` })),
  },
  { weight: 1, arbitrary: fc.nat(3).map((at) => ({ kind: 'withdraw', at })) },
);

export const scenario: fc.Arbitrary<Scenario> = fc.record({
  templates: fc.array(podDraft.map(podOf), { minLength: 1, maxLength: 4 }),
  nodes: fc.array(nodeDraft, { maxLength: 7 }).map((drafts) => drafts.map(nodeCase)),
  steps: fc.array(step, { maxLength: 30 }),
  profile,
});
