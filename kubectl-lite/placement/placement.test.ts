import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../base/random.ts';
import { explainPod } from '../../scheduler/explanation/explain-pod.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { aNode, aPod, type NodeDraft, type PodDraft } from '../../test/support/scheduling-objects.ts';
import type { Change } from './change.ts';
import { type Forecast, forecast } from './forecast.ts';
import { forecastText } from './forecast-text.ts';
import type { KnownPod } from './known-pod.ts';
import { nodeChange } from './node-change.ts';
import { planRebalancing, rebalancingText } from './rebalancing.ts';
import { type NodeScenario, toNodeScenario } from './scenario.ts';
import { Snapshot } from './snapshot.ts';
import { whyPod } from './why.ts';
import { surplusOf } from './workload-change.ts';

interface Draft extends PodDraft {
  readonly on?: string;
  readonly priority?: number;
}

const noVolumes = { claim: () => undefined, volume: () => undefined, storageClass: () => undefined };

function snapshotOf(nodes: readonly NodeDraft[], pods: readonly Draft[]): Snapshot {
  const snapshot = new Snapshot({
    ...{ namespaces: [], budgets: [], volumes: noVolumes, strategy: 'least-loaded' as const },
    nodes: nodes.map(aNode),
  });
  for (const { on, priority, ...draft } of pods) {
    const pod = aPod(draft);
    const spec = {
      ...pod.spec,
      ...(on === undefined ? {} : { nodeName: on }),
      ...(priority && { priority }),
    };
    snapshot.addPod({ ...pod, spec });
  }
  return snapshot;
}

const two: readonly NodeDraft[] = [{ name: 'a' }, { name: 'b' }];

function podNamed(snapshot: Snapshot, wanted: string): KnownPod {
  const found = [...snapshot.pods.values()].find(({ name }) => name === wanted);
  if (found === undefined) throw new Error(`no pod ${wanted}`);
  return found;
}

const why = (snapshot: Snapshot, name: string): string => whyPod(snapshot, podNamed(snapshot, name)).words();

const whatIf = (snapshot: Snapshot, scenario: NodeScenario): Forecast =>
  forecast(snapshot, nodeChange(snapshot, scenario));

describe('why', () => {
  it('groups nodes that agree and names the one that lacks the least', () => {
    const nodes = ['a', 'b', 'c'].map((name) => ({ name, cpu: '2' }));
    const snapshot = snapshotOf(
      [...nodes, { name: 'd', unschedulable: true }],
      [
        { name: 'x', on: 'a', cpu: '1500m' },
        { name: 'y', on: 'c', cpu: '1' },
        { name: 'big', cpu: '3' },
      ],
    );
    const text = why(snapshot, 'big');
    expect(text).toContain(
      'pod default/big is pending: 0/4 nodes are available: 1 node(s) were unschedulable, 3 Insufficient cpu.',
    );
    expect(text).toContain('  3 nodes: NodeResourcesFit: Insufficient cpu\n    cpu: needs 3, free 2 on b\n');
    expect(text).toContain('    would do on b: 3 cpu instead of 2\n    on a, b, c\n');
    expect(text).toContain('  1 node: NodeUnschedulable: node(s) were unschedulable\n');
  });

  it('lists many nodes with the same points in one row, its own alone', () => {
    const nodes = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => ({ name }));
    const text = why(snapshotOf(nodes, [{ name: 'x', on: 'c', cpu: '1' }]), 'x');
    expect(text.match(/^(\S.*?) {3}/gm)?.map((cell) => cell.trim())).toEqual(['NODE', 'a and 4 alike', '*c']);
  });

  it('gives the points of the nodes that would take a placed pod, its own room being free, and changes nothing', () => {
    const snapshot = snapshotOf(two, [{ name: 'x', on: 'a', cpu: '3' }]);
    const { state, verdicts } = explainPod(snapshot.judge, podNamed(snapshot, 'x'));
    expect(state).toBe('Placed');
    expect(verdicts.map(({ node, fits }) => [node, fits])).toEqual([
      ['a', true],
      ['b', true],
    ]);
    expect(snapshot.cluster.node('a')?.requested.cpuMillis).toBe(3_000);
    expect(why(snapshot, 'x')).toContain('*a ');
  });

  it('says of a pod that waits whom it would evict, and of one with a node what is odd about that', () => {
    const snapshot = snapshotOf(
      [{ name: 'a', cpu: '4' }],
      [
        { name: 'low', on: 'a', cpu: '2' },
        { name: 'high', cpu: '4', priority: 10 },
        { name: 'astray', on: 'gone' },
        { name: 'foreign', on: 'a', spec: { schedulerName: 'other' } },
        { name: 'turn', on: 'a', spec: { schedulerName: 'coracle-round-robin' } },
      ],
    );
    expect(why(snapshot, 'high')).toMatch(/It would evict 1 pod of lower priority and go to a\./);
    expect(why(snapshot, 'astray')).toContain('is on gone, which is no node of this cluster');
    expect(why(snapshot, 'foreign')).toMatch(/^pod default\/foreign is on a; its schedulerName is "other"/);
    expect(why(snapshot, 'turn')).toContain('the strategy round-robin chooses among them');
  });

  it('says that a pod is gated, fits by now, or is not ours', () => {
    const snapshot = snapshotOf(two, [
      { name: 'gated', spec: { schedulingGates: [{ name: 'example.com/wait' }] } },
      { name: 'soon' },
      { name: 'foreign', spec: { schedulerName: 'other' } },
    ]);
    expect(why(snapshot, 'gated')).toContain('scheduling gates are removed: example.com/wait');
    expect(why(snapshot, 'soon')).toMatch(/fits now and goes to [ab] at the next turn/);
    expect(explainPod(snapshot.judge, podNamed(snapshot, 'foreign')).state).toBe('NotOurs');
  });
});

describe('what-if', () => {
  it('moves the pods of a lost node, and says which stay pending and which are gone', () => {
    const forever = { tolerations: [{ operator: 'Exists' }] };
    const snapshot = snapshotOf(
      [
        { name: 'a', cpu: '4' },
        { name: 'b', cpu: '4' },
      ],
      [
        { name: 'fits', on: 'b', owner: 'rs', cpu: '3' },
        { name: 'too-much', on: 'b', owner: 'rs', cpu: '2' },
        { name: 'alone', on: 'b' },
        { name: 'daemon', on: 'b', owner: 'ds', spec: forever },
      ],
    );
    const found = whatIf(snapshot, { kind: 'lost', nodes: ['b'] });
    expect(found.moves).toMatchObject([{ pod: 'default/fits', from: 'b', to: 'a' }]);
    expect(found.pending).toMatchObject([{ pod: 'default/too-much', from: 'b', waits: false }]);
    expect(found.pending[0]?.message).toContain('1 Insufficient cpu, 1 node(s) had untolerated taint');
    expect([found.gone, found.stay]).toEqual([['default/alone'], ['default/daemon']]);
    expect(found.loads.after['a']?.cpuMillis).toBe(3_000);
    expect(forecastText(found)).toMatch(/a +0 \(0%\) -> 3 \(75%\)/);
  });

  it('keeps the lost node as a domain that pods are spread over', () => {
    const constraint = {
      ...{ maxSkew: 1, topologyKey: 'kubernetes.io/hostname', whenUnsatisfiable: 'DoNotSchedule' },
      labelSelector: { matchLabels: { app: 'x' } },
    };
    const spread = { labels: { app: 'x' }, owner: 'rs', spec: { topologySpreadConstraints: [constraint] } };
    const snapshot = snapshotOf(two, [
      { name: 'x-1', on: 'a', ...spread },
      { name: 'x-2', on: 'b', ...spread },
    ]);
    const found = whatIf(snapshot, { kind: 'lost', nodes: ['b'] });
    expect(found.moves).toEqual([]);
    expect(found.pending[0]?.message).toContain("didn't match pod topology spread constraints");
  });

  it('does not make a StatefulSet’s pod anew while nobody knows that the old one is gone', () => {
    const snapshot = snapshotOf(two, []);
    const pod = aPod({ name: 'db-0', owner: 'db', spec: { nodeName: 'b' } });
    const [owner] = pod.metadata.ownerReferences ?? [];
    if (owner === undefined) throw new Error('the pod has no owner');
    snapshot.addPod({
      ...pod,
      metadata: { ...pod.metadata, ownerReferences: [{ ...owner, kind: 'StatefulSet' }] },
    });
    const found = whatIf(snapshot, { kind: 'lost', nodes: ['b'] });
    expect(found.moves).toEqual([]);
    expect(found.pending).toMatchObject([{ pod: 'default/db-0', from: 'b', waits: false }]);
    expect(found.pending[0]?.message).toContain('when the old pod is gone for certain');
  });

  it('drains: DaemonSet pods stay, the node takes nobody', () => {
    const snapshot = snapshotOf(two, [{ name: 'x', on: 'a', owner: 'rs' }]);
    const found = whatIf(snapshot, { kind: 'drained', nodes: ['a'] });
    expect(found.moves).toMatchObject([{ from: 'a', to: 'b' }]);
  });

  it('gives a new node what waits', () => {
    const snapshot = snapshotOf(two, [{ name: 'big', cpu: '6' }]);
    const scenario = toNodeScenario(['added', 'cpu=8,memory=32Gi'], { labels: 'zone=z' });
    expect(whatIf(snapshot, scenario).moves).toMatchObject([{ pod: 'default/big', to: 'new-node' }]);
    expect(snapshot.node('new-node')?.metadata.labels).toMatchObject({ zone: 'z' });
  });

  it('evicts for a higher priority, and places the victims elsewhere', () => {
    const snapshot = snapshotOf(
      [
        { name: 'a', cpu: '4' },
        { name: 'b', cpu: '2' },
      ],
      [
        { name: 'low', on: 'a', cpu: '2', owner: 'rs' },
        { name: 'high', cpu: '4', priority: 10 },
      ],
    );
    const found = forecast(snapshot, { leaving: [], coming: [] });
    expect(found.preempted).toEqual(['default/low']);
    expect(found.moves).toMatchObject([
      { pod: 'default/high', to: 'a' },
      { pod: 'default/low', from: 'a', to: 'b' },
    ]);
  });

  it('places a group as a whole, or leaves it pending as a whole', () => {
    const members = ['a', 'b'].map((on, i) => ({
      ...{ name: `g-${i}`, on, owner: 'rs', cpu: '2' },
      labels: { 'scheduling.x-k8s.io/pod-group': 'g' },
    }));
    const nodes = ['a', 'b', 'c'].map((name) => ({ name, cpu: '2' }));
    const ofTwo = (snapshot: Snapshot): Snapshot => {
      snapshot.groups.setMinCount('default/g', 'g', 2);
      return snapshot;
    };
    const one = whatIf(ofTwo(snapshotOf(nodes, members)), { kind: 'lost', nodes: ['b'] });
    expect(one.moves).toMatchObject([{ pod: 'default/g-1', from: 'b', to: 'c' }]);
    const waiting = members.map(({ on: _, ...member }) => member);
    const none = forecast(ofTwo(snapshotOf(nodes.slice(0, 1), waiting)), { leaving: [], coming: [] });
    expect([none.moves, none.pending.length]).toEqual([[], 2]);
    expect(none.pending[0]?.message).toContain('pod group "g": 1 of 2 fit.');
    const all = forecast(ofTwo(snapshotOf(nodes, waiting)), { leaving: [], coming: [] });
    expect(all.moves.map(({ to }) => to)).toHaveLength(2);
  });

  it('takes what is not wanted any more without making it anew', () => {
    const pods = ['a', 'a', 'b'].map((on, i) => ({ name: `x-${i}`, on, owner: 'rs' }));
    const snapshot = snapshotOf(two, pods);
    const surplus = surplusOf([...snapshot.pods.values()], 2, false);
    const change: Change = { leaving: [], removed: surplus, coming: [] };
    expect(surplus.map(({ nodeName }) => nodeName)).toEqual(['a']);
    const found = forecast(snapshot, change);
    expect([found.moves, found.gone]).toEqual([[], [`default/${surplus[0]?.name}`]]);
  });

  it('equals what the same decisions give one by one, whatever the cluster', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const random = seededRandom(seed);
      const pick = (most: number): number => Math.floor(random.next() * most);
      const nodes = Array.from({ length: 4 }, (_, i) => ({ name: `n${i}`, cpu: `${2 + pick(6)}` }));
      const pods = Array.from({ length: 12 }, (_, i) => ({
        ...{ name: `p${i}`, on: `n${pick(4)}`, owner: `rs${pick(3)}`, cpu: `${100 * (1 + pick(9))}m` },
      }));
      const found = whatIf(snapshotOf(nodes, pods), { kind: 'lost', nodes: ['n0'] });
      const total = (loads: Forecast['loads']['after']): number =>
        Object.values(loads).reduce((sum, { pods: count }) => sum + count, 0);
      const lost = pods.filter(({ on }) => on === 'n0').length;
      expect(found.moves.length + found.pending.length).toBe(lost);
      expect(total(found.loads.before) - total(found.loads.after)).toBe(found.pending.length);
      for (const [name, { cpuMillis, cpuAllocatable }] of Object.entries(found.loads.after))
        if (found.moves.some(({ to }) => to === name)) expect(cpuMillis).toBeLessThanOrEqual(cpuAllocatable);
    }
  });

  it.each([
    [['lost'], 'expected node lost NAME'],
    [['moved', 'a'], 'node moved: expected lost, drained or added'],
    [['added', 'cpu=8'], 'cpu and memory are required'],
    [['added', 'cpu'], '"cpu": expected NAME=VALUE'],
    [['added', 'cpu=-1,memory=1Gi'], 'cpu="-1" is no amount'],
    [['added', 'cpu=8,memory=32GB'], 'memory="32GB" is no amount'],
    [['added', 'cpu=8,memory=1Gi,gpu=1'], '"gpu" is no resource'],
  ])('refuses node %j', (words, reason) => {
    expect(() => toNodeScenario(words)).toThrow(reason);
  });

  it.each([
    [{ labels: 'a b=c' }, '"a b=c" is no label'],
    [{ taints: 'dedicated=db' }, '"dedicated=db" is no taint'],
    [{ taints: 'dedicated=db:Never' }, 'the effect one of NoSchedule, PreferNoSchedule, NoExecute'],
    [{ count: 0 }, '--count is 1 to 1000, not 0'],
  ])('refuses a node with %j', (flags, reason) => {
    expect(() => toNodeScenario(['added', 'cpu=1,memory=1Gi'], flags)).toThrow(reason);
  });

  it('refuses a node that is not there', () => {
    expect(() => whatIf(snapshotOf(two, []), { kind: 'lost', nodes: ['z'] })).toThrow('nodes "z" not found');
  });
});

describe('reports of load', () => {
  it('count when they are fresh beside the newest', () => {
    const snapshot = snapshotOf(two, []);
    const lease = (name: string, renewTime: string): Parameters<Snapshot['addLoad']>[0][number] => ({
      apiVersion: 'coordination.k8s.io/v1',
      kind: 'Lease',
      metadata: {
        ...{ name, uid: name, resourceVersion: '1', creationTimestamp: '' },
        annotations: { 'coracle.dev/load': '{"cpu":"2","memory":"1Gi"}' },
      },
      spec: { renewTime },
    });
    const leases = [lease('a', '2026-01-01T00:01:00.000000Z'), lease('b', '2026-01-01T00:00:00.000000Z')];
    snapshot.addLoad(leases, new ManualClock());
    expect(snapshot.cluster.node('a')?.load?.cpuMillis).toBe(2_000);
    expect(snapshot.cluster.node('b')?.load).toBeUndefined();
  });
});

describe('rebalance', () => {
  const ready = { conditions: [{ type: 'Ready', status: 'True' }] };
  const spread = (...on: string[]): Snapshot => {
    const snapshot = snapshotOf(two, []);
    for (const [i, nodeName] of on.entries()) {
      const pod = aPod({ name: `web-${i}`, owner: 'web', cpu: '100m', spec: { nodeName } });
      snapshot.addPod({ ...pod, status: ready });
    }
    return snapshot;
  };

  it('plans as many moves as help, and says what becomes of the nodes', () => {
    const plan = planRebalancing(spread('a', 'a', 'a', 'a'));
    expect(plan.moves.map(({ from, to, reason }) => [from, to, reason])).toEqual([
      ['a', 'b', 'spread'],
      ['a', 'b', 'spread'],
    ]);
    expect(plan.loads.after['a']).toEqual(plan.loads.after['b']);
    expect(rebalancingText(plan)).toMatch(
      /web-\d +a +b +spread\n(?:.*\n)*a +\d+% -> \d+% +4 -> 2\n(?:.*\n)*Nothing was changed/,
    );
  });

  it('counts nodes that stay as they are, where there are many', () => {
    const many = snapshotOf(
      Array.from({ length: 30 }, (_, i) => ({ name: `n${i}` })),
      [],
    );
    expect(rebalancingText(planRebalancing(many))).toBe(
      'No pod would move: nothing would be clearly better.\n\n30 nodes as before\n\nNothing was changed.\n',
    );
  });

  it('leaves alone what is even, bare, or kept on its node', () => {
    expect(rebalancingText(planRebalancing(spread('a', 'b', 'a')))).toMatch(/^No pod would move/);
    const bare = snapshotOf(
      two,
      Array.from({ length: 4 }, (_, i) => ({ name: `bare-${i}`, on: 'a', cpu: '900m' })),
    );
    expect(planRebalancing(bare).moves).toEqual([]);
  });
});
