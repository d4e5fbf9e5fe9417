import type { Pod } from '../../api/generated/core-v1.ts';
import { seededRandom } from '../../base/random.ts';
import { Cluster } from '../../scheduler/cache/cluster.ts';
import type { ConditionReport } from '../../scheduler/condition-writer.ts';
import { Judge } from '../../scheduler/explanation/judge.ts';
import { NodeFeed, PodFeed } from '../../scheduler/feed.ts';
import { noVolumeNeeds } from '../../scheduler/framework/volume-needs.ts';
import { type Decision, GroupCycle } from '../../scheduler/groups/group-cycle.ts';
import { PodGroups } from '../../scheduler/groups/pod-groups.ts';
import { onceATurn } from '../../scheduler/once-a-turn.ts';
import { Preemptor } from '../../scheduler/preemption/preemptor.ts';
import { profilesOf } from '../../scheduler/profile.ts';
import { type QueuedPod, SchedulingQueue } from '../../scheduler/queue/scheduling-queue.ts';
import { schedule } from '../../scheduler/schedule.ts';
import { Waker } from '../../scheduler/waker.ts';
import { ManualClock } from './manual-clock.ts';
import { aNode, aPod, type NodeDraft, type PodDraft } from './scheduling-objects.ts';

export interface MemberDraft extends PodDraft {
  readonly group?: string | undefined;
  readonly on?: string | undefined;
  readonly priority?: number | undefined;
}

/** Of some hundred pods, each tried a few times. */
const maxDecided = 5_000;

const ended = async (): Promise<void> => undefined;

/** The scheduler's parts around groups, without a server: what is bound comes back from the watch at once. */
export class GroupWorld {
  readonly clock: ManualClock = new ManualClock();
  readonly cluster: Cluster = new Cluster();
  readonly queue: SchedulingQueue = new SchedulingQueue(this.clock, seededRandom(1));
  readonly groups: PodGroups = new PodGroups(this.cluster);
  readonly reports: Map<string, ConditionReport> = new Map();
  readonly evicted: string[] = [];
  readonly pods: Map<string, Pod> = new Map();
  readonly nodes: NodeFeed;
  readonly feed: PodFeed;
  readonly judge: Judge;
  /** Bindings that the server refuses, by name of the pod. */
  readonly refused: Set<string> = new Set();
  /** Planted on purpose: each member is bound for itself. */
  bindsApart = false;
  /** How many pods each request binds. */
  onBinding: (count: number) => void = () => undefined;
  readonly #cycle: GroupCycle;

  constructor() {
    const { cluster, clock, queue, groups } = this;
    const profiles = profilesOf({ cluster, strategy: 'least-loaded', random: seededRandom(1) });
    const waker = new Waker({
      ...{ cluster, queue, clock },
      contextOf: ({ schedulerName }) => profiles.get(schedulerName)?.context,
      isMember: (uid) => groups.has(uid),
    });
    this.judge = new Judge({ cluster, profiles, groups, budgets: () => [] });
    const evictor = {
      start: ({ victims }: { readonly victims: readonly { readonly name: string }[] }) =>
        void this.evicted.push(...victims.map(({ name }) => name)),
      drain: ended,
    };
    this.#cycle = new GroupCycle({
      ...{ cluster, clock, queue, groups, waker, judge: this.judge },
      preemptor: new Preemptor({
        ...{
          evictor,
          onLeaving: onceATurn(() => waker.podsChanged()),
          onStaying: (_, uid) => queue.backOff(uid),
          onDisplaced: (uid) => queue.wakeOne(uid),
        },
      }),
      conditions: { report: (report) => void this.reports.set(report.pod.metadata.name, report) },
      events: { event: () => undefined },
      metrics: { attempted: () => undefined },
    });
    const onUnreadable = (): void => undefined;
    this.nodes = new NodeFeed({ cluster, waker, onUnreadable, volumeLimits: () => undefined });
    this.feed = new PodFeed({
      ...{ cluster, queue, waker, groups, onUnreadable },
      ...{ volumeNeeds: () => noVolumeNeeds, isOurs: () => true, onGated: () => undefined },
      onLeft: () => undefined,
    });
  }

  addNode(draft: NodeDraft): void {
    this.nodes.upsert(aNode(draft));
  }

  addPod({ group, on, priority, ...draft }: MemberDraft): void {
    const labels =
      group === undefined ? draft.labels : { ...draft.labels, 'scheduling.x-k8s.io/pod-group': group };
    const pod = aPod({ ...draft, labels });
    const spec = { ...pod.spec, ...(on === undefined ? {} : { nodeName: on }), priority: priority ?? 0 };
    this.#tell({ ...pod, spec });
  }

  removePod(name: string): void {
    const pod = this.pods.get(name);
    this.pods.delete(name);
    if (pod !== undefined) this.feed.remove(pod);
  }

  setMinCount(group: string, minCount: number | undefined): void {
    const key = `default/${group}`;
    this.groups.setMinCount(key, group, minCount);
    for (const uid of this.groups.waitingIn(key)) this.queue.wakeOne(uid);
  }

  /** Until nobody is active and nothing is due at once. */
  async settle(): Promise<void> {
    for (let turn = 0, decided = 0; turn < 100 && decided < maxDecided; turn += 1) {
      await this.clock.advance(1);
      const next = this.queue.pop();
      if (next === undefined && turn > 1) return;
      for (let queued = next; queued !== undefined && decided < maxDecided; queued = this.queue.pop()) {
        this.#decide(queued);
        decided += 1;
      }
    }
    throw new Error('never comes to rest');
  }

  nodeOf(name: string): string | undefined {
    return this.pods.get(name)?.spec.nodeName;
  }

  bound(prefix: string): string[] {
    return [...this.pods.keys()].filter((name) => name.startsWith(prefix) && this.nodeOf(name) !== undefined);
  }

  #decide(queued: QueuedPod): void {
    if (this.#cycle.decide(queued, (decisions) => this.#bindTogether(decisions))) return;
    const { uid, podClass, pod } = queued;
    const profile = this.judge.profileOf(podClass);
    const node = profile && schedule(profile.context, podClass, profile.strategy)?.name;
    if (node === undefined) this.queue.parkUnschedulable(uid);
    else {
      const name = `${pod.metadata.namespace}/${pod.metadata.name}`;
      this.cluster.setPod({ uid, name, podClass, nodeName: node, isLive: true, isAssumed: true });
      this.#bindTogether([{ queued, nodeName: node }]);
    }
  }

  #bindTogether(decisions: readonly Decision[]): void {
    this.onBinding(decisions.length);
    if (this.bindsApart && decisions.length > 1) {
      for (const decision of decisions) this.#bindTogether([decision]);
      return;
    }
    const culprits = new Set(decisions.filter(({ queued }) => this.refused.delete(queued.pod.metadata.name)));
    for (const decision of decisions) {
      const { uid, pod } = decision.queued;
      if (culprits.size === 0) this.#tell({ ...pod, spec: { ...pod.spec, nodeName: decision.nodeName } });
      else this.cluster.forget(uid);
      if (culprits.has(decision)) this.queue.retryLater(uid);
      else if (culprits.size > 0) this.queue.putBack(uid);
      this.#cycle.settled(uid);
    }
  }

  #tell(pod: Pod): void {
    this.pods.set(pod.metadata.name, pod);
    this.feed.upsert(pod);
  }
}
