import { describe, expect, it } from 'vitest';
import { aNode, aPod } from '../../test/support/scheduling-objects.ts';
import { noChange } from './change.ts';
import { daemonPodsOn } from './daemon-pods.ts';
import { forecast } from './forecast.ts';
import { forecastText } from './forecast-text.ts';
import { nodeChange } from './node-change.ts';
import { Snapshot } from './snapshot.ts';
import { comingPods } from './workload-change.ts';

const noVolumes = { claim: () => undefined, volume: () => undefined, storageClass: () => undefined };

function snapshotOf(count: number, cpu = '4'): Snapshot {
  const nodes = Array.from({ length: count }, (_, i) => aNode({ name: `n${i + 1}`, cpu }));
  const budget = {
    ...({ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget' } as const),
    metadata: { name: 'web', namespace: 'default', uid: 'b', resourceVersion: '1', creationTimestamp: '' },
    spec: { selector: { matchLabels: { app: 'web' } } },
    status: { disruptionsAllowed: 1, currentHealthy: 1, desiredHealthy: 1, expectedPods: 1 },
  };
  const sources = { namespaces: [], budgets: [budget], volumes: noVolumes };
  return new Snapshot({ ...sources, nodes, strategy: 'least-loaded' });
}

function more(snapshot: Snapshot, count: number, cpu: string): string {
  const model = aPod({ name: 'web', owner: 'rs', cpu });
  const names = Array.from({ length: count }, (_, i) => `web-${i}`);
  return forecastText(forecast(snapshot, { ...noChange, coming: comingPods(snapshot, model, names) }));
}

const daemonSet = (spec: object): Parameters<typeof daemonPodsOn>[1] => ({
  ...{ apiVersion: 'apps/v1', kind: 'DaemonSet' },
  metadata: { name: 'ds', namespace: 'default', uid: 'ds', resourceVersion: '1', creationTimestamp: '' },
  spec: { template: { spec: { containers: [{ name: 'c', image: 'i' }], ...spec } } },
});

describe('a forecast in words', () => {
  it('gives many pods of one owner one row, with how many go where', () => {
    expect(more(snapshotOf(2), 60, '100m')).toMatch(
      /^PODS +FROM +TO\n60 of default\/\S+ +<none> +n1 \(30\), n2 \(30\)\n/,
    );
  });

  it('names a few of those that wait for the same reason, and counts the others', () => {
    const text = more(snapshotOf(1), 60, '1');
    expect(text).toContain('<pending> (56), n1 (4)');
    expect(text.match(/Insufficient cpu/g)).toHaveLength(1);
    expect(text).toContain('web-11 and 48 more: 0/1 nodes are available: 1 Insufficient cpu.');
  });

  it('counts nodes that stay as they are, and those beyond what one reads', () => {
    expect(more(snapshotOf(30), 3, '100m')).toMatch(/n3 .*\n27 nodes as before\n/);
    expect(more(snapshotOf(60), 60, '100m')).toContain('and 20 nodes more whose load changes\n');
  });

  it('says where drain would ask or wait', () => {
    const snapshot = snapshotOf(2);
    const emptyDir = { volumes: [{ name: 'e', emptyDir: {} }] };
    for (const [name, draft] of [
      ['bare', {}],
      ['files', { owner: 'rs', spec: emptyDir }],
      ['web-1', { owner: 'rs', labels: { app: 'web' } }],
      ['web-2', { owner: 'rs', labels: { app: 'web' } }],
    ] as const) {
      const pod = aPod({ name, ...draft });
      snapshot.addPod({ ...pod, spec: { ...pod.spec, nodeName: 'n1' } });
    }
    const { notes } = forecast(snapshot, nodeChange(snapshot, { kind: 'drained', nodes: ['n1'] }));
    expect(notes.map((note) => note.replace(/,.*:/, ':'))).toEqual([
      'drain asks for --force: default/bare',
      'drain asks for --delete-emptydir-data: default/files',
      'drain waits for a PodDisruptionBudget: default/web-2',
    ]);
  });
});

describe('pods of a DaemonSet', () => {
  it('come where it may run, and wait where only room is missing', () => {
    const snapshot = snapshotOf(1, '1');
    snapshot.setNode(aNode({ name: 'n2', labels: { disk: 'ssd' } }));
    const taints = [{ key: 'dedicated', value: 'db', effect: 'NoSchedule' }];
    snapshot.setNode(aNode({ name: 'n3', labels: { disk: 'ssd' }, taints }));
    const requests = { cpu: '2' };
    const big = { containers: [{ name: 'c', image: 'i', resources: { requests } }] };
    const wanted = (spec: object): (string | undefined)[] =>
      daemonPodsOn(snapshot, daemonSet(spec), ['n1', 'n2', 'n3']).map(({ only }) => only);
    expect(wanted({ nodeSelector: { disk: 'ssd' } })).toEqual(['n2']);
    expect(wanted({ tolerations: [{ operator: 'Exists' }] })).toEqual(['n1', 'n2', 'n3']);
    const apply = (changed: Snapshot): ReturnType<typeof daemonPodsOn> =>
      daemonPodsOn(changed, daemonSet(big), ['n1', 'n2', 'n3']);
    const { moves, pending } = forecast(snapshot, { ...noChange, apply });
    expect(moves).toMatchObject([{ pod: 'default/ds-on-n2', to: 'n2' }]);
    expect(pending).toMatchObject([{ message: 'n1 does not take it: Insufficient cpu' }]);
  });
});
