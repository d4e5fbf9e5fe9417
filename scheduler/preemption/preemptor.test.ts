import { expect, it } from 'vitest';
import { systemClock } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { aNode, aPod } from '../../test/support/scheduling-objects.ts';
import { Cluster, type PlacedPod } from '../cache/cluster.ts';
import { toPodClass } from '../framework/pod-class.ts';
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
  const preemptor = new Preemptor(evictor, (uid) => told.push(uid));
  preemptor.evict(cluster, high, { node: 'a', victims: [low('victim')] });
  const [victim] = evictions[0]?.victims ?? [];
  if (victim === undefined) throw new Error('no victim');
  expect(hasEndingVictims(cluster, 'a', toPodClass(high))).toBe(true);
  evictions[0]?.onFailure(victim);
  expect(hasEndingVictims(cluster, 'a', toPodClass(high))).toBe(false);
  expect(told).toEqual([high.metadata.uid]);
  // What the watch has told meanwhile counts.
  preemptor.evict(cluster, high, { node: 'a', victims: [low('victim')] });
  cluster.setPod({ ...low('victim'), isLive: false });
  evictions[1]?.onFailure(evictions[1].victims[0] ?? victim);
  expect(hasEndingVictims(cluster, 'a', toPodClass(high))).toBe(true);
});

it('evicts a bounded number at a time, and all in the end', async () => {
  let [underWay, most, deleted] = [0, 0, 0];
  const evictor = new Evictor({
    client: {
      patch: async () => {
        underWay += 1;
        most = Math.max(most, underWay);
        await Promise.resolve();
        return high as never;
      },
      delete: async () => {
        underWay -= 1;
        deleted += 1;
        return high as never;
      },
    },
    events: { event: () => undefined },
    clock: systemClock,
    logger: silentLogger,
  });
  const victims = Array.from({ length: 500 }, (_, i) => low(`victim-${i}`));
  evictor.start({ preemptor: high, nodeName: 'a', victims, onFailure: () => undefined });
  await evictor.drain();
  expect([most, deleted]).toEqual([64, 500]);
});
