import { describe, expect, it } from 'vitest';
import type { Lease } from '../api/generated/coordination-v1.ts';
import { loadAnnotation } from '../api/node-load.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { toPodClass } from './framework/pod-class.ts';
import { LoadFeed } from './load-feed.ts';
import { defaultPlugins } from './plugin-registry.ts';
import { schedule } from './schedule.ts';
import { leastLoaded } from './strategies/least-loaded.ts';

function bench() {
  const clock = new ManualClock();
  const cluster = new Cluster();
  for (const name of ['a', 'b', 'c']) cluster.setNode(aNode({ name, cpu: '4', memory: '8Gi' }));
  const feed = new LoadFeed(cluster, clock);
  const context = { cluster, plugins: defaultPlugins, index: new PlacementIndex(cluster, defaultPlugins) };
  let placed = 0;
  return {
    ...{ clock, cluster, feed },
    report: (name: string, load: unknown) => feed.upsert(lease(name, JSON.stringify(load))),
    place: (): string | undefined => {
      const podClass = toPodClass(aPod({}));
      const nodeName = schedule(context, podClass, leastLoaded)?.name ?? '';
      placed += 1;
      const pod = { uid: `${placed}`, name: `default/${placed}`, podClass, nodeName };
      cluster.setPod({ ...pod, isLive: true, isAssumed: true });
      return nodeName;
    },
  };
}

const lease = (name: string, annotation: string): Lease => ({
  apiVersion: 'coordination.k8s.io/v1',
  spec: {},
  kind: 'Lease',
  metadata: {
    ...{ name, namespace: 'kube-node-lease', uid: name, resourceVersion: '1' },
    creationTimestamp: '2026-01-01T00:00:00Z',
    annotations: { [loadAnnotation]: annotation },
  },
});
const idle = { cpu: '10m', memory: '10Mi' };
const busy = { cpu: '3500m', memory: '200Mi' };

describe('really used resources', () => {
  it('keep new pods away from a node that is busy with pods without requests', () => {
    const { report, place } = bench();
    report('a', busy);
    report('b', idle);
    report('c', busy);
    expect([place(), place(), place()]).toEqual(['b', 'b', 'b']);
  });

  it('keep new pods away from a node whose processes wait for CPU, disk or memory', () => {
    const pressure = { cpu: 0, memory: 0, io: 0 };
    for (const waits of ['cpu', 'memory', 'io']) {
      const { report, place } = bench();
      report('a', { ...idle, pressure: { ...pressure, [waits]: 0.9 } });
      report('b', { ...idle, pressure });
      report('c', { ...idle, pressure: { ...pressure, [waits]: 0.9 } });
      expect([waits, place(), place()]).toEqual([waits, 'b', 'b']);
    }
  });

  it('count the pods that came since the report, so that not all go to one node', () => {
    const { report, place } = bench();
    report('a', { cpu: '500m', memory: '10Mi' });
    report('b', idle);
    report('c', { cpu: '500m', memory: '10Mi' });
    const nodes = Array.from({ length: 12 }, place);
    expect(new Set(nodes).size).toBe(3);
    expect(nodes[0]).toBe('b');
  });

  it('do not count pods that have ended, in whatever period they came', () => {
    const { report, place, cluster } = bench();
    for (const name of ['a', 'b', 'c']) report(name, idle);
    const sinceReport = (): number[] =>
      ['a', 'b', 'c'].map((name) => cluster.node(name)?.sinceReport.cpuMillis ?? Number.NaN);
    const places = Array.from({ length: 6 }, place);
    expect(sinceReport()).toEqual([200, 200, 200]);
    const [ofFirst, ofSecond] = ['1', '2'].map((uid) => cluster.removePod(uid));
    expect(sinceReport().reduce((sum, millis) => sum + millis)).toBe(400);
    if (ofSecond !== undefined) cluster.putBack(ofSecond);
    expect(sinceReport().reduce((sum, millis) => sum + millis)).toBe(500);
    // One more period: they still count, and are still taken out when they end.
    for (const name of ['a', 'b', 'c']) report(name, { ...idle, cpu: '600m' });
    expect(sinceReport().reduce((sum, millis) => sum + millis)).toBe(500);
    cluster.removePod('3');
    expect(sinceReport().reduce((sum, millis) => sum + millis)).toBe(400);
    for (const name of ['a', 'b', 'c']) report(name, idle);
    expect(sinceReport()).toEqual([0, 0, 0]);
    for (const uid of ['2', '4', '5', '6']) cluster.removePod(uid);
    expect(sinceReport()).toEqual([0, 0, 0]);
    expect([places.length, ofFirst?.uid]).toEqual([6, '1']);
  });

  it('know as much of a pod whose labels change as before', () => {
    const { report, place, cluster } = bench();
    for (const name of ['a', 'b', 'c']) report(name, idle);
    const name = place() ?? '';
    report(name, { ...idle, cpu: '500m' });
    report(name, idle);
    const podClass = toPodClass(aPod({ labels: { tier: 'web' } }));
    cluster.setPod({
      ...{ uid: '1', name: 'default/1', podClass, nodeName: name, isLive: true, isAssumed: false },
    });
    expect(cluster.node(name)?.sinceReport.cpuMillis).toBe(0);
  });

  it('say less when they are old, and nothing after a minute', async () => {
    const { report, feed, clock, cluster } = bench();
    report('a', busy);
    const confidence = (): number | undefined => {
      feed.age();
      return cluster.node('a')?.load?.confidence;
    };
    expect(confidence()).toBe(1);
    await clock.advance(25_000);
    expect(confidence()).toBe(0.5);
    await clock.advance(35_000);
    expect(cluster.node('a')?.load === undefined || confidence() === undefined).toBe(true);
  });

  it.each([['nonsense'], ['{}'], ['{"cpu":"many","memory":"1"}'], ['null']])('ignore %s', (text) => {
    const { feed, cluster } = bench();
    feed.upsert(lease('a', text));
    expect(cluster.node('a')?.load).toBeUndefined();
  });
});
