import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Pod } from '../../api/generated/core-v1.ts';
import { deployments, poddisruptionbudgets, pods, replicasets } from '../../api/generated/resources.ts';
import { movingAnnotation } from '../../api/moving-pod.ts';
import { systemClock, toTime } from '../../base/clock.ts';
import { silentLogger } from '../../base/logger.ts';
import { systemRandom } from '../../base/random.ts';
import { Reflector } from '../../client/reflector.ts';
import { Cluster, type PlacedPod } from '../../scheduler/cache/cluster.ts';
import { toPodClass } from '../../scheduler/framework/pod-class.ts';
import { type MoveOutcome, Mover } from '../../scheduler/rebalance/mover.ts';
import type { Move } from '../../scheduler/rebalance/next-move.ts';
import { PodSightings } from '../../scheduler/rebalance/pod-sightings.ts';
import { ControllersCluster } from '../support/controllers-cluster.ts';
import { eventually } from '../support/eventually.ts';
import { livePods } from '../support/observed-objects.ts';
import { aNode } from '../support/scheduling-objects.ts';

const nodes = ['a', 'b', 'c'];
const replicas = 2;
let cluster: ControllersCluster;
let known: Cluster;
let sightings: PodSightings;
let areNewReady: boolean;
/** The most live pods that were ever seen. */
let most: number;

beforeEach(async () => {
  areNewReady = true;
  most = 0;
  live.clear();
  cluster = await ControllersCluster.start({ nodes, isReady: () => areNewReady });
  known = new Cluster();
  for (const name of nodes) known.setNode(aNode({ name }));
  sightings = new PodSightings({ upsert: see, remove: see, replace: (all) => all.forEach(see) });
  const common = { client: cluster.admin, clock: systemClock, random: systemRandom, logger: silentLogger };
  const reflector = new Reflector({ ...common, type: pods, selection: {}, sink: sightings });
  cluster.alsoRun((signal) => reflector.run(signal));
  await cluster.admin.create(deployments, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: {
        metadata: { labels: { app: 'web' } },
        spec: { containers: [{ name: 'c', image: 'i' }] },
      },
    },
  });
  await eventually(async () => {
    const [deployment] = (await cluster.admin.list(deployments)).items;
    expect(deployment?.status?.availableReplicas).toBe(replicas);
  });
});
afterEach(async () => {
  await cluster.stop();
});

const live = new Map<string, Pod>();

function see(pod: Pod): void {
  const { uid, name, namespace, deletionTimestamp } = pod.metadata;
  const { nodeName } = pod.spec;
  live.set(uid, pod);
  if (deletionTimestamp !== undefined) live.delete(uid);
  most = Math.max(most, live.size);
  if (nodeName === undefined || deletionTimestamp !== undefined) known.removePod(uid);
  else
    known.setPod({
      ...{ uid, name: `${namespace}/${name}`, podClass: toPodClass(pod), nodeName },
      ...{ isLive: true, isAssumed: false },
    });
}

const webPods = (): Promise<Pod[]> => livePods(cluster.admin);

async function firstMove(): Promise<Move> {
  const pod = await eventually(() => {
    const [first] = known.pods;
    return (first satisfies PlacedPod | undefined) ?? expect.fail('no pod is known');
  });
  return { pod, from: pod.nodeName, to: '', reason: 'spread', gain: 100 };
}

function carryOut(move: Move, trouble = new AbortController().signal): Promise<MoveOutcome> {
  const mover = new Mover({ client: cluster.admin, clock: systemClock, cluster: known, sightings });
  return mover.carryOut(move, trouble);
}

const settled = (): Promise<readonly Pod[]> =>
  eventually(async () => {
    const left = await webPods();
    expect(left).toHaveLength(replicas);
    expect(left.map(({ metadata }) => metadata.annotations?.[movingAnnotation])).toEqual([
      undefined,
      undefined,
    ]);
    return left;
  });

describe('a move', () => {
  it('makes the new pod ready before the old one goes, and never more than one too many', async () => {
    const move = await firstMove();
    expect(await carryOut(move)).toMatchObject({ outcome: 'moved' });
    expect((await settled()).map(({ metadata }) => metadata.uid)).not.toContain(move.pod.uid);
    expect(most).toBe(replicas + 1);
  });

  it('is taken back when trouble comes before the new pod is ready', async () => {
    areNewReady = false;
    const move = await firstMove();
    const trouble = new AbortController();
    const outcome = carryOut(move, trouble.signal);
    await eventually(async () => expect(await webPods()).toHaveLength(replicas + 1));
    trouble.abort('node b is in trouble');
    expect(await outcome).toEqual({ outcome: 'given up', reason: 'node b is in trouble' });
    expect((await settled()).map(({ metadata }) => metadata.uid)).toContain(move.pod.uid);
  });

  it('is taken back when a budget does not let the pod go', async () => {
    await cluster.admin.create(poddisruptionbudgets, {
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: { name: 'all', namespace: 'default' },
      spec: { minAvailable: replicas + 1, selector: { matchLabels: { app: 'web' } } },
    });
    await eventually(async () => {
      const [budget] = (await cluster.admin.list(poddisruptionbudgets)).items;
      expect(budget?.status?.currentHealthy).toBe(replicas);
    });
    // Of pods that are all as young as the new one any might go instead.
    const annotations = { 'controller.kubernetes.io/pod-deletion-cost': '1' };
    for (const { metadata } of await webPods())
      await cluster.admin.patch(pods, metadata, { type: 'merge', body: { metadata: { annotations } } });
    const move = await firstMove();
    const trouble = new AbortController();
    const outcome = carryOut(move, trouble.signal);
    await eventually(async () => {
      const [replicaSet] = (await cluster.admin.list(replicasets)).items;
      expect(replicaSet?.status?.readyReplicas).toBe(replicas + 1);
    });
    trouble.abort('enough');
    expect(await outcome).toEqual({ outcome: 'given up', reason: 'enough' });
    expect((await settled()).map(({ metadata }) => metadata.uid)).toContain(move.pod.uid);
  });

  it('ends by itself when whoever began it dies: the mark runs out', async () => {
    const { pod } = await firstMove();
    const [namespace = '', name = ''] = pod.name.split('/');
    const mark = (leftMs: number): Promise<Pod> => {
      const until = toTime(systemClock.nowMs() + leftMs);
      const body = { metadata: { annotations: { [movingAnnotation]: until } } };
      return cluster.admin.patch(pods, { namespace, name }, { type: 'merge', body });
    };
    await mark(60_000);
    await eventually(async () => expect(await webPods()).toHaveLength(replicas + 1));
    await mark(1_000);
    expect((await settled()).map(({ metadata }) => metadata.uid)).not.toContain(pod.uid);
    expect(most).toBe(replicas + 1);
  });

  it('is not begun while a rollout is under way', async () => {
    const move = await firstMove();
    areNewReady = false;
    const image = [{ op: 'replace', path: '/spec/template/spec/containers/0/image', value: 'j' }];
    const web = { namespace: 'default', name: 'web' };
    await cluster.admin.patch(deployments, web, { type: 'json', body: image });
    await eventually(async () => expect(await webPods()).toHaveLength(replicas + 1));
    expect(await carryOut(move)).toMatchObject({ outcome: 'refused', what: 'owner' });
  });
});
