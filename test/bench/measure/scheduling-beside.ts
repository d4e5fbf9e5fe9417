/**
 * What the scheduler does beside placing pods, at 5,000 nodes and 150,000 pods of 1,000 owners, each in a turn that
 * everything else waits for: milliseconds of CPU.
 */
import type { Lease } from '../../../api/generated/coordination-v1.ts';
import type { Pod } from '../../../api/generated/core-v1.ts';
import { loadAnnotation } from '../../../api/node-load.ts';
import { seededRandom } from '../../../base/random.ts';
import { PlacementAnswers } from '../../../scheduler/answers/placement-answers.ts';
import { Cluster } from '../../../scheduler/cache/cluster.ts';
import { Judge } from '../../../scheduler/explanation/judge.ts';
import { PodClasses } from '../../../scheduler/framework/pod-class.ts';
import { PodGroups } from '../../../scheduler/groups/pod-groups.ts';
import { LoadFeed } from '../../../scheduler/load-feed.ts';
import { profilesOf } from '../../../scheduler/profile.ts';
import { Balance } from '../../../scheduler/rebalance/balance.ts';
import { schedule } from '../../../scheduler/schedule.ts';
import { leastLoaded } from '../../../scheduler/strategies/least-loaded.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { aNode, aPod } from '../../support/scheduling-objects.ts';

const pods = 150_000;
const owners = 1_000;
const rounds = 12;
const roundMs = 10_000;
const askedOwners = 20;

/** Milliseconds of each time it was done. */
export type TurnTimes = Readonly<Record<string, readonly number[]>>;

function timed(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

export async function turnsBeside(nodeCount: number): Promise<TurnTimes> {
  const cluster = new Cluster();
  const clock = new ManualClock();
  const classes = new PodClasses();
  const profiles = profilesOf({ cluster, strategy: 'least-loaded', random: seededRandom(1) });
  const context = profiles.get('default-scheduler')?.context;
  if (context === undefined) throw new Error('there is no default profile');
  for (let i = 0; i < nodeCount; i += 1) cluster.setNode(aNode({ name: `n${i}`, cpu: '16', memory: '64Gi' }));
  const draft = (i: number): Pod => aPod({ cpu: '100m', memory: '500Mi', owner: `owner-${i % owners}` });
  for (let i = 0; i < pods; i += 1) {
    const pod = draft(i);
    const { uid } = pod.metadata;
    cluster.setPod({
      ...{ uid, name: `default/${uid}`, podClass: classes.of(pod), nodeName: `n${i % nodeCount}` },
      ...{ isLive: true, isAssumed: false },
    });
  }
  const loads = new LoadFeed(cluster, clock);
  const balance = new Balance({ cluster, settleMs: 120_000, contextOf: () => context, isWell: () => true });
  const groups = new PodGroups(cluster);
  const judge = new Judge({ cluster, profiles, groups, budgets: () => [] });
  const answers = new PlacementAnswers({ judge, classOf: (pod) => classes.of(pod) });
  const place = (): void => {
    for (let i = 0; i < askedOwners; i += 1) schedule(context, classes.of(draft(i)), leastLoaded);
  };
  const times: Record<string, number[]> = {};
  const note = (name: string, work: () => unknown): void => {
    times[name] ??= [];
    times[name].push(timed(work));
  };
  place();
  for (let round = 0; round < rounds; round += 1) {
    await clock.advance(roundMs);
    note('reports of load of all nodes', () => {
      for (let i = 0; i < nodeCount; i += 1) loads.upsert(reportOf(i, round));
    });
    note(`the next placements of ${askedOwners} owners, all nodes changed`, place);
    note('placements of as many, nothing changed', place);
    note('rebalancing: a look at all nodes', () => balance.observe(clock.monotonicMs()));
    note('rebalancing: a search for a move', () => balance.next());
    note('a question: why a pod that fits nowhere waits', () => answers.placement(aPod({ cpu: '90' })));
    note('a question: where a pod would go', () => answers.outlook(draft(round)));
    note('a question: why a pod runs where it runs', () => answers.placement(running(draft(round))));
  }
  return times;
}

const running = (pod: Pod): Pod => ({ ...pod, spec: { ...pod.spec, nodeName: 'n7' } });

/** Of a node that is now more and now less busy. */
function reportOf(i: number, round: number): Lease {
  const report = { cpu: `${1_000 + ((i * 37 + round * 911) % 4_000)}m`, memory: `${2 ** 33}`, pressure: {} };
  return {
    ...{ apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', spec: {} },
    metadata: {
      ...{ name: `n${i}`, namespace: 'kube-node-lease', uid: `n${i}`, resourceVersion: '1' },
      creationTimestamp: '2026-01-01T00:00:00Z',
      annotations: { [loadAnnotation]: JSON.stringify(report) },
    },
  };
}
