import { expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import { TransportError } from '../../client/transport-error.ts';
import { aNode, aPod } from '../../test/support/scheduling-objects.ts';
import { Cluster, type PlacedPod } from '../cache/cluster.ts';
import { DiagnosisMemo } from '../diagnosis-memo.ts';
import { toPodClass } from '../framework/pod-class.ts';
import { profilesOf } from '../profile.ts';
import { type Eviction, Evictor } from './evictor.ts';
import { hasEndingVictims, Preemptor } from './preemptor.ts';

const low = (name: string): PlacedPod => ({
  ...{ uid: name, name: `default/${name}`, podClass: toPodClass(aPod({ cpu: '1' })), nodeName: 'a' },
  ...{ isLive: true, isAssumed: false },
});
const high = aPod({ name: 'high', cpu: '2', spec: { priority: 10 } });

it('nobody waits for the end of a victim that could not be evicted', () => {
  const cluster = new Cluster();
  cluster.setNode(aNode({ name: 'a', cpu: '2' }));
  cluster.setPod(low('victim'));
  const evictions: Eviction[] = [];
  const told: string[] = [];
  const evictor = { start: (eviction: Eviction) => evictions.push(eviction), drain: () => Promise.resolve() };
  const preemptor = new Preemptor({
    ...{
      evictor,
      onLeaving: () => told.push('leaving'),
      onStaying: (node, uid) => told.push(`${uid} ${node}`),
      onDisplaced: (uid) => told.push(`${uid} displaced`),
    },
  });
  preemptor.evict(cluster, high, { node: 'a', victims: [low('victim')] });
  const [victim] = evictions[0]?.victims ?? [];
  if (victim === undefined) throw new Error('no victim');
  expect(hasEndingVictims(cluster, 'a', toPodClass(high))).toBe(true);
  evictions[0]?.onFailure(victim);
  expect(hasEndingVictims(cluster, 'a', toPodClass(high))).toBe(false);
  expect(told).toEqual(['leaving', `${high.metadata.uid} a`]);
  // What the watch has told meanwhile counts.
  preemptor.evict(cluster, high, { node: 'a', victims: [low('victim')] });
  cluster.setPod({ ...low('victim'), isLive: false });
  evictions[1]?.onFailure(evictions[1].victims[0] ?? victim);
  expect(hasEndingVictims(cluster, 'a', toPodClass(high))).toBe(true);
});

const victims = Array.from({ length: 500 }, (_, i) => low(`victim-${i}`));
const untouched = (): never => {
  throw new Error('is not asked');
};

it('evicts a hundred in a request, a bounded number of requests at a time, and all in the end', async () => {
  let [underWay, most] = [0, 0];
  const sizes: number[] = [];
  const told: string[] = [];
  const failed: string[] = [];
  const evictor = new Evictor({
    client: {
      ...{ patch: untouched, delete: untouched },
      request: async ({ body }) => {
        underWay += 1;
        most = Math.max(most, underWay);
        const items: { name: string }[] = JSON.parse(`${body}`).items;
        sizes.push(items.length);
        await Promise.resolve();
        underWay -= 1;
        const results = items.map(({ name }) => outcomes.get(name) ?? { code: 200 });
        return { status: 200, headers: {}, body: Buffer.from(JSON.stringify({ results })) };
      },
    },
    events: { event: ({ object }) => told.push(object.metadata.name) },
    ...{ clock: systemClock, logger: silentLogger },
  });
  const outcomes = new Map([
    ['victim-3', { code: 404, reason: 'NotFound' }],
    ['victim-7', { code: 409, reason: 'Conflict' }],
  ]);
  for (const victim of victims)
    evictor.start({
      ...{ preemptor: high, nodeName: 'a', victims: [victim] },
      onFailure: ({ uid }) => failed.push(uid),
    });
  await evictor.drain();
  expect([most, sizes]).toEqual([4, [100, 100, 100, 100, 100]]);
  // Who is gone is neither told of nor failed.
  expect([told.length, failed]).toEqual([498, ['victim-7']]);
});

it('asks again when no answer comes, and gives up when none ever does', async () => {
  const answered = Buffer.from(JSON.stringify({ results: victims.slice(0, 2).map(() => ({ code: 200 })) }));
  for (const [failures, expected] of [
    [2, []],
    [3, ['victim-0', 'victim-1']],
  ] as const) {
    let asked = 0;
    const failed: string[] = [];
    const evictor = new Evictor({
      client: {
        ...{ patch: untouched, delete: untouched },
        request: async () => {
          asked += 1;
          if (asked <= failures) throw new TransportError('reset');
          return { status: 200, headers: {}, body: answered };
        },
      },
      events: { event: () => undefined },
      ...{ clock: systemClock, logger: silentLogger },
    });
    const onFailure = ({ uid }: PlacedPod): void => void failed.push(uid);
    evictor.start({ preemptor: high, nodeName: 'a', victims: victims.slice(0, 2), onFailure });
    await evictor.drain();
    expect([asked, failed]).toEqual([3, expected]);
  }
});

it('evicts one by one where the server does not know better', async () => {
  const [patched, deleted]: [string[], string[]] = [[], []];
  const evictor = new Evictor({
    client: {
      request: async () => ({
        status: 404,
        headers: {},
        body: Buffer.from('{"kind":"Status","code":404,"reason":"NotFound"}'),
      }),
      patch: async (_, { name }) => {
        patched.push(name);
        return high as never;
      },
      delete: async (_, { name }) => {
        deleted.push(name);
        return high as never;
      },
    },
    events: { event: () => undefined },
    ...{ clock: systemClock, logger: silentLogger },
  });
  evictor.start({ preemptor: high, nodeName: 'a', victims, onFailure: untouched });
  await evictor.drain();
  const names = victims.map(({ uid }) => uid).sort();
  expect([patched.sort(), deleted.sort()]).toEqual([names, names]);
});

it('pods of lower priority that waited for room on the node look for it elsewhere', () => {
  const cluster = new Cluster();
  cluster.setNode(aNode({ name: 'a', cpu: '2' }));
  cluster.setPod(low('victim'));
  const displaced: string[] = [];
  const preemptor = new Preemptor({
    evictor: { start: () => undefined, drain: () => Promise.resolve() },
    ...{ onLeaving: () => undefined, onStaying: () => undefined },
    onDisplaced: (uid) => displaced.push(uid),
  });
  const profiles = profilesOf({ cluster, strategy: 'least-loaded', random: seededRandom(1) });
  const profile = profiles.get('default-scheduler');
  if (profile === undefined) throw new Error('no profile');
  const nominate = (uid: string, priority: number): void =>
    cluster.nominate({ uid, podClass: toPodClass(aPod({ cpu: '100m', spec: { priority } })) }, 'a');
  nominate('lower', 5);
  nominate('higher', 20);
  const podClass = toPodClass({
    ...high,
    spec: { ...high.spec, containers: aPod({ cpu: '1500m' }).spec.containers },
  });
  const queued = { uid: 'high', pod: high, podClass, sinceMs: 0, attempts: 1 };
  const diagnosis = new DiagnosisMemo(profile.context).diagnosisOf(podClass);
  const outcome = preemptor.attempt({ queued, profile, diagnosis, nominatedFor: undefined });
  expect(outcome).toMatchObject({ nominatedNodeName: 'a', victims: 1 });
  expect(displaced).toEqual(['lower']);
  expect(cluster.node('a')?.nominations.map(({ uid }) => uid)).toEqual(['higher', 'high']);
});
