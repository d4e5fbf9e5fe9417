import { describe, expect, it } from 'vitest';
import type { Node, Pod } from '../api/generated/core-v1.ts';
import { seededRandom } from '../base/random.ts';
import { aNode, aPod, type PodDraft } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { DiagnosisMemo } from './diagnosis-memo.ts';
import { diagnosisMessage } from './diagnosis-message.ts';
import { PodClasses, toPodClass } from './framework/pod-class.ts';
import { defaultPlugins } from './plugin-registry.ts';
import {
  type Decision,
  decide,
  explain,
  preFilter,
  type SchedulingContext,
  schedule,
  type Verdict,
} from './schedule.ts';
import { leastLoaded } from './strategies/least-loaded.ts';
import { RandomChoice } from './strategies/random-choice.ts';
import { RoundRobin } from './strategies/round-robin.ts';
import type { Strategy } from './strategies/strategy.ts';

const required = (nodeSelectorTerms: object[]) => ({
  requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms },
});

class Bench {
  readonly context: SchedulingContext;
  readonly #classes = new PodClasses();

  constructor(...nodes: Node[]) {
    const cluster = new Cluster((name) => ({ name }));
    for (const node of nodes) cluster.setNode(node);
    this.context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
  }

  /** Where the pod goes, and puts it there. */
  place(pod: Pod, strategy: Strategy = leastLoaded): string | undefined {
    const podClass = this.#classes.of(pod);
    const nodeName = schedule(this.context, podClass, strategy)?.name;
    if (nodeName !== undefined) this.put(pod, nodeName);
    return nodeName;
  }

  put(pod: Pod, nodeName: string, isLive = true): void {
    const podClass = this.#classes.of(pod);
    const { uid, name } = pod.metadata;
    this.context.cluster.setPod({ uid, name, podClass, nodeName, isLive, isAssumed: false });
  }

  decide(pod: Pod): Decision {
    return decide(this.context, this.#classes.of(pod), leastLoaded);
  }

  verdicts(pod: Pod): readonly Verdict[] {
    return explain(this.context, this.#classes.of(pod));
  }

  message(pod: Pod): string {
    const { cluster } = this.context;
    return diagnosisMessage(
      cluster.nodeCount,
      new DiagnosisMemo(this.context).diagnosisOf(this.#classes.of(pod)),
      undefined,
    );
  }
}

const threeNodes = (): Node[] => ['host-1', 'host-2', 'host-3'].map((name) => aNode({ name }));
const replicas = (count: number, draft: PodDraft = {}): Pod[] =>
  Array.from({ length: count }, () => aPod({ owner: 'nginx', ...draft }));

describe('schedule', () => {
  it('puts three replicas on three empty nodes', () => {
    const bench = new Bench(...threeNodes());
    expect(new Set(replicas(3).map((pod) => bench.place(pod))).size).toBe(3);
  });

  it('keeps replicas apart although another node has more room', () => {
    const bench = new Bench(
      aNode({ name: 'small', cpu: '1', memory: '1Gi' }),
      aNode({ name: 'big', cpu: '64' }),
    );
    bench.put(aPod({ cpu: '900m', memory: '900Mi' }), 'small');
    expect(
      replicas(2, { cpu: '50m', memory: '50Mi' })
        .map((pod) => bench.place(pod))
        .sort(),
    ).toEqual(['big', 'small']);
  });

  it('spreads 99 replicas evenly', () => {
    const bench = new Bench(...threeNodes());
    const counts = new Map<string, number>();
    for (const pod of replicas(99, { cpu: '1m', memory: '1Mi' })) {
      const node = bench.place(pod) ?? 'none';
      counts.set(node, (counts.get(node) ?? 0) + 1);
    }
    expect([...counts.values()]).toEqual([33, 33, 33]);
  });

  it('does not count a replica that is ending', () => {
    const bench = new Bench(...threeNodes());
    const [first, second, third, replacement] = replicas(4, { cpu: '100m' });
    for (const [pod, node] of [
      [first, 'host-1'],
      [second, 'host-2'],
    ] as const)
      if (pod !== undefined) bench.put(pod, node);
    if (third !== undefined) bench.put(third, 'host-3', false);
    expect(replacement === undefined ? '' : bench.place(replacement)).toBe('host-3');
  });

  it('prefers the least loaded node', () => {
    const bench = new Bench(...threeNodes());
    bench.put(aPod({ cpu: '2' }), 'host-1');
    bench.put(aPod({ cpu: '1' }), 'host-3');
    expect(bench.place(aPod({ cpu: '100m' }))).toBe('host-2');
  });

  it('goes round with the round-robin strategy', () => {
    const bench = new Bench(...threeNodes());
    const strategy = new RoundRobin();
    expect(Array.from({ length: 4 }, () => bench.place(aPod(), strategy))).toEqual([
      'host-1',
      'host-2',
      'host-3',
      'host-1',
    ]);
  });

  it('uses every node with the random strategy', () => {
    const bench = new Bench(...threeNodes());
    const strategy = new RandomChoice(seededRandom(1));
    expect(new Set(Array.from({ length: 60 }, () => bench.place(aPod(), strategy))).size).toBe(3);
  });

  it('finds nodes that come and forgets nodes that go', () => {
    const bench = new Bench();
    expect(bench.place(aPod())).toBeUndefined();
    bench.context.cluster.setNode(aNode({ name: 'late' }));
    expect(bench.place(aPod())).toBe('late');
    bench.context.cluster.removeNode('late');
    expect(bench.place(aPod())).toBeUndefined();
  });
});

describe('diagnosis', () => {
  it('names what is missing in the words of Kubernetes', () => {
    const bench = new Bench(
      aNode({ name: 'full', cpu: '1' }),
      aNode({ name: 'tainted', taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] }),
      aNode({ name: 'cordoned', unschedulable: true }),
    );
    bench.put(aPod({ cpu: '800m' }), 'full');
    expect(bench.message(aPod({ cpu: '500m' }))).toBe(
      '0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), 1 node(s) were unschedulable.',
    );
  });

  it('counts every reason of a node', () => {
    const bench = new Bench(aNode({ cpu: '1', memory: '1Gi', pods: 0 }));
    expect(bench.message(aPod({ cpu: '2', memory: '2Gi', spec: {} }))).toMatch(
      /^0\/1 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 Too many pods\./,
    );
  });

  it('tells of every node which plugin refuses it, what is short and what would help, as plain data', () => {
    const bench = new Bench(
      aNode({ name: 'full', cpu: '1' }),
      aNode({ name: 'tainted', taints: [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }] }),
      aNode({ name: 'other', labels: { disk: 'hdd' } }),
    );
    bench.put(aPod({ cpu: '800m' }), 'full');
    const decision = bench.decide(aPod({ cpu: '500m', spec: { nodeSelector: { disk: 'ssd' } } }));
    expect(decision).toEqual(JSON.parse(JSON.stringify(decision)));
    expect(decision).toMatchObject({
      verdicts: [
        { node: 'full', fits: false, plugin: 'NodeAffinity', change: 'label disk=ssd on the node' },
        { node: 'other', plugin: 'NodeAffinity', isFinal: true },
        { node: 'tainted', plugin: 'TaintToleration', change: 'a toleration for dedicated=db:NoSchedule' },
      ],
    });
    expect(bench.decide(aPod({ cpu: '500m', spec: { tolerations: [] } }))).toEqual({ node: 'other' });
    bench.context.cluster.removeNode('other');
    const [verdict] = bench.verdicts(aPod({ cpu: '500m' }));
    expect(verdict).toMatchObject({
      plugin: 'NodeResourcesFit',
      shortfalls: [{ resource: 'cpu', needed: 500, free: 200 }],
      change: '300m more free cpu',
    });
  });

  it('says so when there are no nodes', () => {
    expect(new Bench().message(aPod())).toBe('no nodes available to schedule pods');
  });
});

describe('filters', () => {
  const one = (node: Node, pod: Pod): string | undefined => new Bench(node).place(pod);
  const noExecute = aNode({ taints: [{ key: 'coracle.dev/node-dead', effect: 'NoExecute' }] });

  it.each([
    ['a NoExecute taint', noExecute, aPod(), undefined],
    [
      'a toleration with Exists and no key',
      noExecute,
      aPod({ spec: { tolerations: [{ operator: 'Exists' }] } }),
      'node-1',
    ],
    [
      'a toleration for another effect',
      noExecute,
      aPod({
        spec: { tolerations: [{ key: 'coracle.dev/node-dead', operator: 'Exists', effect: 'NoSchedule' }] },
      }),
      undefined,
    ],
    [
      'a PreferNoSchedule taint',
      aNode({ taints: [{ key: 'a', effect: 'PreferNoSchedule' }] }),
      aPod(),
      'node-1',
    ],
    [
      'a node selector that matches',
      aNode({ labels: { disk: 'ssd' } }),
      aPod({ spec: { nodeSelector: { disk: 'ssd' } } }),
      'node-1',
    ],
    [
      'a node selector that does not match',
      aNode(),
      aPod({ spec: { nodeSelector: { disk: 'ssd' } } }),
      undefined,
    ],
    ['a number of pods written as a quantity', aNode({ pods: '1k' }), aPod(), 'node-1'],
    ['a cordoned node', aNode({ unschedulable: true }), aPod(), undefined],
    [
      'an extended resource that is there',
      aNode({ extra: { 'example.com/gpu': '2' } }),
      aPod({ spec: gpus('2') }),
      'node-1',
    ],
    [
      'an extended resource that is not',
      aNode({ extra: { 'example.com/gpu': '1' } }),
      aPod({ spec: gpus('2') }),
      undefined,
    ],
  ])('%s', (_, node, pod, expected) => {
    expect(one(node, pod)).toBe(expected);
  });

  it.each([
    ['In', ['a', 'b'], true],
    ['NotIn', ['b'], true],
    ['NotIn', ['a'], false],
    ['Exists', [], true],
    ['DoesNotExist', [], false],
    ['Gt', ['3'], false],
  ])('node affinity %s %j', (operator, values, fits) => {
    expect(
      one(aNode({ labels: { zone: 'a' } }), requiring({ key: 'zone', operator, values })) !== undefined,
    ).toBe(fits);
  });

  it('compares numbers with Gt and Lt', () => {
    const node = aNode({ labels: { cores: '8' } });
    expect(one(node, requiring({ key: 'cores', operator: 'Gt', values: ['7'] }))).toBe('node-1');
    expect(one(node, requiring({ key: 'cores', operator: 'Lt', values: ['8'] }))).toBeUndefined();
  });

  it('compares integers of 64 bits, and nothing else', () => {
    const fits = (value: string, operator: string, than: string): boolean => {
      const bench = new Bench(aNode({ name: 'a', labels: { size: value } }));
      const terms = [{ matchExpressions: [{ key: 'size', operator, values: [than] }] }];
      return bench.place(aPod({ spec: { affinity: { nodeAffinity: required(terms) } } })) === 'a';
    };
    expect(fits('9007199254740993', 'Gt', '9007199254740992')).toBe(true);
    expect(fits('+5', 'Gt', '4')).toBe(true);
    expect(fits('9223372036854775808', 'Gt', '1')).toBe(false);
    expect(fits('5.5', 'Gt', '1')).toBe(false);
  });

  it('does not look at other nodes than those that a pod names, as a DaemonSet does', () => {
    const bench = new Bench(aNode({ name: 'a', cpu: '1' }), aNode({ name: 'b', unschedulable: true }));
    const named = (...terms: object[]) =>
      bench.message(aPod({ cpu: '2', spec: { affinity: { nodeAffinity: required(terms) } } }));
    const field = (name: string) => ({
      matchFields: [{ key: 'metadata.name', operator: 'In', values: [name] }],
    });
    expect(named(field('a'))).toBe(
      "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) didn't satisfy plugin(s) [NodeAffinity].",
    );
    expect(named(field('a'), { matchExpressions: [{ key: 'x', operator: 'Exists' }] })).toBe(
      '0/2 nodes are available: 1 Insufficient cpu, 1 node(s) were unschedulable.',
    );
    const [a, b] = [field('a'), field('b')];
    const both = { matchFields: [...a.matchFields, ...b.matchFields] };
    expect(preFilter(toPodClass(aPod({ spec: { affinity: { nodeAffinity: required([both]) } } })))).toEqual({
      plugin: 'NodeAffinity',
      reasons: ['pod affinity terms conflict'],
      isFinal: true,
    });
    expect(named(both, a)).toBe(named(a));
  });

  it('matches the node name as a field', () => {
    const nodeAffinity = {
      requiredDuringSchedulingIgnoredDuringExecution: {
        nodeSelectorTerms: [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: ['host-2'] }] }],
      },
    };
    expect(new Bench(...threeNodes()).place(aPod({ spec: { affinity: { nodeAffinity } } }))).toBe('host-2');
  });

  it('gives a host port to one pod a node', () => {
    const bench = new Bench(aNode({ name: 'a' }), aNode({ name: 'b' }));
    const nodes = Array.from({ length: 3 }, () => bench.place(aPod({ hostPorts: [80] })));
    expect(nodes).toEqual(['a', 'b', undefined]);
  });

  it('counts the greatest init container, and sidecars beside it', () => {
    const container = (name: string, cpu: string, restartPolicy?: string) => ({
      name,
      restartPolicy,
      resources: { requests: { cpu } },
    });
    const spec = {
      initContainers: [container('sidecar', '1', 'Always'), container('init', '2')],
      containers: [container('main', '500m')],
    };
    expect(one(aNode({ cpu: '3' }), aPod({ spec }))).toBe('node-1');
    expect(one(aNode({ cpu: '2900m' }), aPod({ spec }))).toBeUndefined();
  });
});

describe('pods that look at other pods', () => {
  const zones = (): Node[] =>
    ['a', 'a', 'b'].map((zone, i) => aNode({ name: `host-${i + 1}`, labels: { zone } }));
  const app = (name: string) => ({ labels: { app: name } });
  const term = (name: string, topologyKey: string) => ({
    topologyKey,
    labelSelector: { matchLabels: { app: name } },
  });

  it('anti-affinity keeps pods in different zones, both ways', () => {
    const bench = new Bench(...zones());
    const podAntiAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term('db', 'zone')] };
    const db = (): Pod => aPod({ ...app('db'), spec: { affinity: { podAntiAffinity } } });
    const placed = [bench.place(db()), bench.place(db()), bench.place(db())];
    expect(placed[2]).toBeUndefined();
    expect(placed.includes('host-3')).toBe(true);
    expect(bench.place(aPod(app('db')))).toBeUndefined();
    expect(bench.message(aPod(app('db')))).toContain(
      "3 node(s) didn't satisfy existing pods anti-affinity rules",
    );
  });

  it('affinity follows the pods it names, and the first of its own group may begin', () => {
    const bench = new Bench(...zones());
    const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [term('web', 'zone')] };
    const follower = (labels: Record<string, string>): Pod =>
      aPod({ labels, spec: { affinity: { podAffinity } } });
    expect(bench.place(follower({ app: 'other' }))).toBeUndefined();
    expect(bench.place(follower({ app: 'web' }))).toBeDefined();
    expect(bench.place(follower({ app: 'other' }))).toBeDefined();
  });

  it('affinity to namespaces by their labels follows when the labels change', () => {
    const labels: Record<string, Record<string, string>> = { other: { team: 'blue' } };
    const cluster = new Cluster((name) => labels[name]);
    for (const node of zones()) cluster.setNode(node);
    const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
    const classes = new PodClasses();
    const there = aPod({ ...app('web'), namespace: 'other' });
    const { uid, name } = there.metadata;
    const placed = { uid, name, podClass: classes.of(there), nodeName: 'host-3' };
    cluster.setPod({ ...placed, isLive: true, isAssumed: false });
    const wanted = { ...term('web', 'zone'), namespaceSelector: { matchLabels: { team: 'red' } } };
    const podAffinity = { requiredDuringSchedulingIgnoredDuringExecution: [wanted] };
    const follower = classes.of(aPod({ labels: { app: 'follower' }, spec: { affinity: { podAffinity } } }));
    expect(schedule(context, follower, leastLoaded)).toBeUndefined();
    labels['other'] = { team: 'red' };
    cluster.counters.namespacesChanged();
    expect(schedule(context, follower, leastLoaded)?.name).toBe('host-3');
  });

  it('hard topology spreading never exceeds the skew', () => {
    const bench = new Bench(...zones());
    const topologySpreadConstraints = [
      {
        maxSkew: 1,
        topologyKey: 'zone',
        whenUnsatisfiable: 'DoNotSchedule',
        labelSelector: { matchLabels: { app: 'web' } },
      },
    ];
    const inZone = { a: 0, b: 0 };
    for (let i = 0; i < 8; i += 1) {
      const node = bench.place(aPod({ ...app('web'), spec: { topologySpreadConstraints } }));
      inZone[node === 'host-3' ? 'b' : 'a'] += 1;
      expect(Math.abs(inZone.a - inZone.b)).toBeLessThanOrEqual(1);
    }
  });
});

function gpus(count: string): Partial<Pod['spec']> {
  return { containers: [{ name: 'main', resources: { requests: { 'example.com/gpu': count } } }] };
}

function requiring(expression: { key: string; operator: string; values: string[] }): Pod {
  const nodeSelectorTerms = [{ matchExpressions: [expression] }];
  const nodeAffinity = { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
  return aPod({ spec: { affinity: { nodeAffinity } } });
}
