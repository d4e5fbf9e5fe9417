import { describe, expect, it } from 'vitest';
import type { Pod } from '../api/generated/core-v1.ts';
import { seededRandom } from '../base/random.ts';
import { ManualClock } from '../test/support/manual-clock.ts';
import { aNode, aPod } from '../test/support/scheduling-objects.ts';
import { Cluster } from './cache/cluster.ts';
import { PlacementIndex } from './cache/placement-index.ts';
import { toPodClass } from './framework/pod-class.ts';
import { defaultPlugins, pluginsFor } from './plugin-registry.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import { Waker } from './waker.ts';

function bench(plugins = defaultPlugins) {
  const clock = new ManualClock();
  const cluster = new Cluster();
  const queue = new SchedulingQueue(clock, seededRandom(1));
  const context = { cluster, plugins, index: new PlacementIndex(cluster, plugins) };
  const waker = new Waker({ cluster, queue, clock, contextOf: () => context });
  return {
    ...{ clock, cluster, queue, waker },
    /** A pod for which no node was found. */
    park: (pod: Pod): void => {
      queue.set(pod, toPodClass(pod));
      queue.parkUnschedulable(queue.pop()?.uid ?? '');
    },
    put: (pod: Pod, nodeName: string): void => {
      const { uid, name } = pod.metadata;
      cluster.setPod({ uid, name, podClass: toPodClass(pod), nodeName, isLive: true, isAssumed: false });
    },
  };
}

const web = (required: 'podAffinity' | 'podAntiAffinity'): Pod => {
  const labelSelector = { matchLabels: { app: 'db' } };
  const terms = [{ topologyKey: 'kubernetes.io/hostname', labelSelector }];
  const affinity = { [required]: { requiredDuringSchedulingIgnoredDuringExecution: terms } };
  return aPod({ name: 'web', labels: { app: 'web' }, spec: { affinity } });
};

describe('Waker', () => {
  it('wakes for the node that fits, within one turn', async () => {
    const { clock, cluster, queue, waker, park } = bench();
    park(aPod({ cpu: '2' }));
    cluster.setNode(aNode({ name: 'small', cpu: '1' }));
    waker.nodeChanged('small');
    await clock.advance(1);
    expect(queue.counts.active).toBe(0);
    cluster.setNode(aNode({ name: 'large', cpu: '4' }));
    waker.nodeChanged('large');
    await clock.advance(1);
    expect(queue.counts.active).toBe(1);
  });

  it('wakes a pod with affinity when the pod it follows comes, and for no other pod', async () => {
    const { clock, cluster, queue, waker, park, put } = bench();
    cluster.setNode(aNode({ name: 'host-1' }));
    park(web('podAffinity'));
    put(aPod({ name: 'other' }), 'host-1');
    waker.podsChanged();
    await clock.advance(1);
    expect(queue.counts.active).toBe(0);
    put(aPod({ name: 'db', labels: { app: 'db' } }), 'host-1');
    waker.podsChanged();
    await clock.advance(1);
    expect(queue.counts.active).toBe(1);
  });

  it("wakes a pod that the profile's constraints keep back when a replica elsewhere evens it out", async () => {
    const constraint = {
      topologyKey: 'kubernetes.io/hostname',
      maxSkew: 1,
      whenUnsatisfiable: 'DoNotSchedule',
    };
    const choices = { disabled: { filter: new Set<string>(), score: new Set<string>() }, weights: new Map() };
    const { clock, cluster, queue, waker, park, put } = bench(
      pluginsFor({ ...choices, spread: [constraint] }),
    );
    for (const name of ['a', 'b']) cluster.setNode(aNode({ name, cpu: name === 'b' ? '1' : '4' }));
    put(aPod({ owner: 'rs' }), 'a');
    park(aPod({ owner: 'rs', cpu: '2' }));
    put(aPod({ owner: 'rs', cpu: '1' }), 'b');
    waker.podsChanged();
    await clock.advance(1);
    expect(queue.counts.active).toBe(1);
  });

  it('wakes a pod that another pod kept away when that one goes', async () => {
    const { clock, cluster, queue, waker, park, put } = bench();
    cluster.setNode(aNode({ name: 'host-1' }));
    const jealous = web('podAntiAffinity');
    put(jealous, 'host-1');
    park(aPod({ name: 'db', labels: { app: 'db' } }));
    cluster.removePod(jealous.metadata.uid);
    waker.podsChanged(toPodClass(jealous));
    await clock.advance(1);
    expect(queue.counts.active).toBe(1);
  });

  it('wakes the pod that waits for its victims on a node', async () => {
    const { clock, cluster, queue, waker, park } = bench();
    cluster.setNode(aNode({ name: 'host-1', cpu: '1' }));
    const pod = aPod({ cpu: '1' });
    park(pod);
    cluster.nominate({ uid: pod.metadata.uid, podClass: toPodClass(pod) }, 'host-1');
    waker.nodeChanged('host-1');
    await clock.advance(1);
    expect(queue.counts.active).toBe(1);
  });
});
