import type { Pod } from '../../api/generated/core-v1.ts';
import { silentLogger } from '../../base/logger.ts';
import { seededRandom } from '../../base/random.ts';
import type { BindOutcome, Placement } from '../../scheduler/binder.ts';
import { Cluster } from '../../scheduler/cache/cluster.ts';
import { SchedulingCycle } from '../../scheduler/cycle.ts';
import { Judge } from '../../scheduler/explanation/judge.ts';
import { NodeFeed, PodFeed } from '../../scheduler/feed.ts';
import { GroupCycle } from '../../scheduler/groups/group-cycle.ts';
import { PodGroups } from '../../scheduler/groups/pod-groups.ts';
import { onceATurn } from '../../scheduler/once-a-turn.ts';
import type { Eviction } from '../../scheduler/preemption/evictor.ts';
import { profilesOf } from '../../scheduler/profile.ts';
import { SchedulingQueue } from '../../scheduler/queue/scheduling-queue.ts';
import { VolumeBinder } from '../../scheduler/volumes/volume-binder.ts';
import type { Waker } from '../../scheduler/waker.ts';
import { createWaking } from '../../scheduler/waking.ts';
import { ManualClock } from './manual-clock.ts';
import { VolumeWorld } from './volume-world.ts';

/** `known`: the answer comes first, and says that nothing else of the pod has changed. */
export type BindingEnd = 'bound' | 'known' | 'seen later' | 'elsewhere' | 'gone' | 'outdated' | 'refused';
export type EvictionEnd = 'ending' | 'gone' | 'refused';

const storedEnds: ReadonlySet<BindingEnd> = new Set(['bound', 'known', 'seen later']);
const nothing = async (): Promise<void> => undefined;
const deaf = { nodeChanged: () => undefined, podsChanged: () => undefined };

/** Planted on purpose. */
export interface WorldFaults {
  /** A decision that came to nothing, or a nomination that is given up, wakes nobody. */
  readonly cycleIsSilent?: boolean;
  /** Volumes that are no longer chosen for anybody wake nobody. */
  readonly volumesAreSilent?: boolean;
  /** Every attempt wakes all that wait. */
  readonly everyAttemptWakes?: boolean;
  /** No fault of ours: the server refuses every eviction. */
  readonly evictionsFail?: boolean;
}

const noiseMs = 100;
const answerMs = 1;

/** All that decides, with nobody at the other end of the wire: the test says what becomes of what is asked there. */
export class SchedulerWorld {
  readonly clock: ManualClock = new ManualClock();
  readonly namespaceLabels: Map<string, Record<string, string>> = new Map();
  readonly cluster: Cluster = new Cluster((name) => this.namespaceLabels.get(name) ?? {});
  readonly queue: SchedulingQueue = new SchedulingQueue(this.clock, seededRandom(1));
  readonly groups: PodGroups = new PodGroups(this.cluster);
  readonly volumes: VolumeWorld = new VolumeWorld();
  readonly waker: Waker;
  readonly judge: Judge;
  readonly feed: PodFeed;
  readonly nodes: NodeFeed;
  /** As the server has them, by name. */
  readonly pods: Map<string, Pod> = new Map();
  /** Those of one entry stand or fall together. */
  readonly bindings: (readonly Placement[])[] = [];
  readonly evictions: { readonly eviction: Eviction; readonly victim: Eviction['victims'][number] }[] = [];
  attempts = 0;
  /** What was bound last need not be told by the watch. */
  #isConfirmed = false;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;

  constructor({ cycleIsSilent, volumesAreSilent, everyAttemptWakes, evictionsFail }: WorldFaults = {}) {
    const { cluster, clock, queue, groups, volumes } = this;
    const profiles = profilesOf({ cluster, strategy: 'least-loaded', random: seededRandom(1) });
    this.judge = new Judge({ cluster, profiles, groups, budgets: () => [] });
    const evictor = {
      start: (eviction: Eviction): void => {
        this.evictions.push(...eviction.victims.map((victim) => ({ eviction, victim })));
        if (evictionsFail === true) clock.setTimer(answerMs, () => this.endEviction('refused'));
      },
      drain: nothing,
    };
    const { waker, preemptor } = createWaking({ cluster, queue, clock, profiles, groups, evictor });
    this.waker = waker;
    const { judge } = this;
    const onUnreadable = (): void => undefined;
    this.nodes = new NodeFeed({ cluster, waker, onUnreadable, volumeLimits: () => undefined });
    this.feed = new PodFeed({
      ...{ cluster, queue, waker, groups, onUnreadable, volumeNeeds: volumes.needsOf },
      ...{ isOurs: () => true, onGated: () => undefined, onLeft: () => undefined },
    });
    const volumesChanged = onceATurn(() => this.feed.volumesChanged());
    volumes.onChange(volumesChanged);
    const parts = {
      ...{ cluster, clock, queue, preemptor, logger: silentLogger },
      waker: cycleIsSilent === true ? deaf : waker,
      conditions: { report: () => undefined, drain: nothing },
      events: { event: () => undefined },
      metrics: {
        attempted: () => {
          this.attempts += 1;
          if (everyAttemptWakes === true) clock.setTimer(noiseMs, () => queue.wake(() => true));
        },
        ...{ preempted: () => undefined, bound: () => undefined },
      },
    };
    const onReserved = (): void => {
      if (volumesAreSilent !== true || volumes.refusals === 0) volumesChanged();
    };
    const cycle = new SchedulingCycle({
      ...{ ...parts, profiles, groups: new GroupCycle({ ...parts, groups, judge }) },
      onBound: (bound) => {
        this.#isConfirmed = this.feed.confirm(bound);
      },
      binder: new VolumeBinder({
        ...{
          client: volumes.client,
          clock,
          volumes,
          onReserved,
        },
        node: (name) => cluster.node(name),
        next: {
          ...{ hasRoom: true, whenRoom: nothing, drain: nothing },
          start: (pod, nodeName, _, settle) => void this.bindings.push([{ pod, nodeName, settle }]),
          startTogether: (placements) => void this.bindings.push(placements),
        },
      }),
    });
    this.#running = cycle.run(this.#stop.signal);
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    while (this.volumes.writes > 0) this.volumes.endWrite(false);
    await this.#running;
  }

  setPod(pod: Pod): void {
    this.pods.set(pod.metadata.name, pod);
    this.feed.upsert(pod);
  }

  removePod(name: string): void {
    const pod = this.pods.get(name);
    if (pod === undefined) return;
    this.pods.delete(name);
    this.feed.remove(pod);
    if ((pod.spec.volumes ?? []).length > 0) this.volumes.removeClaim(name);
  }

  setNamespace(name: string, labels: Record<string, string>): void {
    this.namespaceLabels.set(name, labels);
    this.cluster.counters.namespacesChanged();
    this.waker.namespacesChanged();
  }

  setMinCount(group: string, minCount: number): void {
    const key = `default/${group}`;
    this.groups.setMinCount(key, group, minCount);
    for (const uid of this.groups.waitingIn(key)) this.queue.wakeOne(uid);
  }

  /** Ends the oldest binding; of those that stand or fall together, `end` befalls the first, or all. */
  endBinding(end: BindingEnd, elsewhere: string): void {
    const [first, ...others] = this.bindings.shift() ?? [];
    if (first === undefined) return;
    const missing = [first, ...others].find(({ pod }) => !this.pods.has(pod.metadata.name));
    const isStored = missing === undefined && storedEnds.has(end);
    if (missing !== undefined) this.#refuse(missing, 'gone', elsewhere);
    else if (isStored) this.#store(first, end);
    else this.#refuse(first, end, elsewhere);
    for (const other of [first, ...others])
      if (other === (missing ?? first)) continue;
      else if (isStored) this.#store(other, end);
      else other.settle({ outcome: 'outdated' });
  }

  #store({ pod, nodeName, settle }: Placement, end: BindingEnd): void {
    if (end === 'known') {
      this.#isConfirmed = false;
      settle({ outcome: 'bound', version: '7' });
      const current = this.pods.get(pod.metadata.name);
      if (current !== undefined && this.#isConfirmed)
        this.pods.set(pod.metadata.name, { ...current, spec: { ...current.spec, nodeName } });
      else this.#place(pod, nodeName);
      return;
    }
    if (end === 'seen later') settle({ outcome: 'bound' });
    this.#place(pod, nodeName);
    if (end === 'bound') settle({ outcome: 'bound' });
  }

  #refuse({ pod, settle }: Placement, end: BindingEnd, elsewhere: string): void {
    const refused: BindOutcome = { outcome: 'refused', error: new Error(end) };
    if (end === 'gone') this.removePod(pod.metadata.name);
    if (end === 'elsewhere') this.#place(pod, elsewhere);
    settle(end === 'gone' || end === 'outdated' ? { outcome: end } : refused);
  }

  #place({ metadata: { name } }: Pod, nodeName: string): void {
    const current = this.pods.get(name);
    if (current !== undefined) this.setPod({ ...current, spec: { ...current.spec, nodeName } });
  }

  /** Ends the oldest eviction. */
  endEviction(end: EvictionEnd): void {
    const next = this.evictions.shift();
    if (next === undefined) return;
    const { eviction, victim } = next;
    const [, name = ''] = victim.name.split('/');
    const pod = this.pods.get(name);
    if (pod === undefined) return;
    if (end === 'refused') eviction.onFailure(victim);
    else if (end === 'gone') this.removePod(name);
    else this.setPod(ending(pod));
  }

  /** @returns how many attempts it took until nothing moves by itself within `untilMs`; undefined: it goes on */
  async rest(untilMs: number, maxAttempts: number): Promise<number | undefined> {
    const before = this.attempts;
    for (let seen = Number.NaN; seen !== this.attempts; ) {
      if (this.attempts - before > maxAttempts) return undefined;
      seen = this.attempts;
      await this.clock.advance(untilMs);
    }
    return this.attempts - before;
  }
}

export const ending = (pod: Pod): Pod => ({
  ...pod,
  metadata: { ...pod.metadata, deletionTimestamp: '2026-01-01T00:01:00Z' },
});
