/** Puts the scheduler's parts together. Follows the API server at once; decides only while it leads. */
import type { Namespace, Pod } from '../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../api/generated/policy-v1.ts';
import {
  leases,
  namespaces,
  nodes,
  poddisruptionbudgets,
  podgroups,
  pods,
} from '../api/generated/resources.ts';
import type { PodGroup } from '../api/generated/scheduling-x-v1alpha1.ts';
import type { Clock } from '../base/clock.ts';
import type { Logger } from '../base/logger.ts';
import type { Random } from '../base/random.ts';
import { TaskGroup } from '../base/task-group.ts';
import type { ApiClient } from '../client/client.ts';
import { EventRecorder } from '../client/event-recorder.ts';
import { fencedClient } from '../client/fenced-client.ts';
import { Informer } from '../client/informer.ts';
import { LeaderElector } from '../client/leader-elector.ts';
import { Reflector, type ReflectorSink } from '../client/reflector.ts';
import { PlacementAnswers } from './answers/placement-answers.ts';
import { PlacementServer, type PlacementServerFlags } from './answers/placement-server.ts';
import { Binder } from './binder.ts';
import { Cluster } from './cache/cluster.ts';
import { ConditionWriter } from './condition-writer.ts';
import type { ProfileConfiguration } from './configuration.ts';
import { SchedulingCycle } from './cycle.ts';
import { Judge } from './explanation/judge.ts';
import { NodeFeed, type NodeFeedOptions, PodFeed } from './feed.ts';
import { GroupCycle } from './groups/group-cycle.ts';
import { groupKey } from './groups/pod-group.ts';
import { PodGroups } from './groups/pod-groups.ts';
import { LeanPods } from './lean-pod.ts';
import { LoadFeed } from './load-feed.ts';
import { SchedulerMetrics } from './metrics.ts';
import { serveMetrics } from './metrics-server.ts';
import { onceATurn } from './once-a-turn.ts';
import { OwnBindings } from './own-bindings.ts';
import { toDisruptionBudget } from './preemption/disruption-budget.ts';
import { Evictor } from './preemption/evictor.ts';
import type { Preemptor } from './preemption/preemptor.ts';
import { type Profiles, profilesOf } from './profile.ts';
import { SchedulingQueue } from './queue/scheduling-queue.ts';
import type { RebalanceMode, RebalanceSettings } from './rebalance/mode.ts';
import { Rebalancer } from './rebalance/rebalancer.ts';
import { SeenPods } from './seen-pods.ts';
import type { StrategyName } from './strategies/registry.ts';
import { nominationWriter } from './volumes/nomination-writer.ts';
import { VolumeBinder } from './volumes/volume-binder.ts';
import { VolumeInformers } from './volumes/volume-informers.ts';
import { createWaking } from './waking.ts';

export interface SchedulerOptions {
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly strategy: StrategyName;
  /** Further profiles, or others under the names of the built-in ones. */
  readonly configured?: readonly ProfileConfiguration[] | undefined;
  /** Of profiles that do not say it themselves; undefined moves nothing and advises nothing. */
  readonly rebalance?: { readonly mode: RebalanceMode; readonly settings: RebalanceSettings } | undefined;
  /** Port for metrics and health on the loopback address; undefined serves none. */
  readonly metricsPort?: number | undefined;
  /** Where questions about placements are answered; undefined answers none. */
  readonly placement?: PlacementServerFlags | undefined;
  /** Undefined runs without leader election. */
  readonly identity: string | undefined;
}

/** Runs until `signal` aborts and every binding has its outcome. */
export async function runScheduler(options: SchedulerOptions, signal: AbortSignal): Promise<void> {
  let server: PlacementServer | undefined;
  const elector = electorOf(options, () => server?.address);
  const client = elector === undefined ? options.client : fencedClient(options.client, elector);
  const scheduler = assemble({ ...options, client }, options.client);
  let isDeciding = false;
  const { placement } = options;
  if (placement !== undefined)
    server = await PlacementServer.open({
      ...{ ...options, ...placement, answers: scheduler.answers },
      isLeading: () => isDeciding,
    });
  // Reflectors and events outlive the cycle: its last bindings still report.
  const followers = new TaskGroup();
  for (const follow of scheduler.followers) followers.start(follow);
  const { metricsPort } = options;
  if (metricsPort !== undefined)
    followers.start((until) => serveMetrics(metricsPort, scheduler.metrics, until));
  if (server !== undefined) followers.start((until) => server.run(until));
  try {
    await underLeadership(elector, signal, async (leading) => {
      await scheduler.whenSynced(leading);
      if (!leading.aborted) options.logger.info({ nodes: scheduler.cluster.nodeCount }, 'scheduling');
      isDeciding = !leading.aborted;
      leading.addEventListener('abort', () => {
        isDeciding = false;
      });
      await Promise.all([scheduler.cycle.run(leading), scheduler.rebalancer?.run(leading)]);
    });
  } finally {
    followers.stop();
    await followers.join();
  }
}

/** Where agents keep their Leases. */
const nodeLeases = 'kube-node-lease';

/** On the Lease of the leader: where API servers ask. */
const placementAnnotation = 'coracle.dev/placement-address';

interface Assembly {
  readonly cluster: Cluster;
  readonly answers: PlacementAnswers;
  readonly metrics: SchedulerMetrics;
  readonly cycle: SchedulingCycle;
  readonly rebalancer: Rebalancer | undefined;
  readonly followers: readonly ((signal: AbortSignal) => Promise<void>)[];
  whenSynced(signal: AbortSignal): Promise<void>;
}

/** @param reporting for events: what has happened may be told by one who no longer leads */
function assemble(options: SchedulerOptions, reporting: ApiClient): Assembly {
  const { client, clock, random, logger } = options;
  const namespaceInformer = new Informer<Namespace>({ ...options, type: namespaces });
  const cluster = new Cluster((name) => namespaceInformer.lister.get(undefined, name)?.metadata.labels ?? {});
  const queue = new SchedulingQueue(clock, random);
  const profiles = profilesOf({ ...options, cluster });
  const cached = () => ({ nodes: cluster.nodeCount, pods: cluster.podCount });
  const metrics = new SchedulerMetrics({ queued: () => queue.counts, cached });
  const groups = new PodGroups(cluster);
  const events = new EventRecorder({ ...options, client: reporting, component: 'default-scheduler' });
  const evictor = new Evictor({ client, events, clock, logger });
  const { waker, preemptor } = createWaking({ cluster, queue, clock, profiles, groups, evictor });
  followNamespaces(namespaceInformer, () => {
    cluster.counters.namespacesChanged();
    waker.namespacesChanged();
  });
  const conditions = new ConditionWriter({ client, clock, logger });
  const groupInformer = followGroups(options, groups, queue);
  const judge = new Judge({ cluster, profiles, groups, budgets: () => preemptor.budgets });
  const onUnreadable: NodeFeedOptions['onUnreadable'] = ({ kind, metadata }, error) =>
    logger.error({ err: error, kind, namespace: metadata.namespace, name: metadata.name }, 'left out');
  const budgetInformer = followBudgets(options, preemptor);
  const volumes = new VolumeInformers(options);
  const podFeed = new PodFeed({
    cluster,
    volumeNeeds: (pod) => volumes.needsOf(pod),
    ...{ queue, waker, groups },
    isOurs: (name) => profiles.has(name),
    onGated: (pod) => conditions.report({ pod, ...gatedReport }),
    onLeft: (uid) => conditions.withdraw(uid),
    onUnreadable,
  });
  const loadFeed = new LoadFeed(cluster, clock);
  const nodeFeed = new NodeFeed({ cluster, waker, onUnreadable, volumeLimits: volumes.limitsOf });
  const volumesChanged = followVolumes(volumes, podFeed, nodeFeed);
  const synced = new Synced([podFeed, nodeFeed]);
  const rebalancer = rebalancerOf(options, { cluster, profiles, queue, events, metrics });
  const view = new SeenPods();
  const feeds = { podFeed: view.before(podFeed), nodeFeed, loadFeed, volumes };
  const binder = new Binder({ client, clock, random, view });
  const own = new OwnBindings({ clock, seen: view, binder, confirmed: podFeed });
  const reflectors = reflectorsOf(options, { ...feeds, synced, rebalancer, own });
  const parts = { cluster, queue, waker, profiles, preemptor, conditions, events, metrics, clock, logger };
  const informers = [namespaceInformer, budgetInformer, groupInformer];
  return {
    ...{ cluster, metrics, rebalancer },
    answers: new PlacementAnswers({ judge, classOf: (pod) => podFeed.classOf(pod) }),
    cycle: new SchedulingCycle({
      ...{ ...parts, groups: new GroupCycle({ ...parts, groups, judge }) },
      onBound: own.bound,
      binder: new VolumeBinder({
        ...{ client, clock, volumes, onReserved: volumesChanged },
        nominate: nominationWriter({ client, logger }),
        next: binder,
        node: (name) => cluster.node(name),
      }),
    }),
    followers: [...reflectors, ...informers, events, volumes, loadFeed].map(
      (part) => (signal) => part.run(signal),
    ),
    async whenSynced(signal) {
      await Promise.all([
        synced.wait(signal),
        namespaceInformer.whenSynced(signal),
        groupInformer.whenSynced(signal),
        volumes.whenSynced(signal),
      ]);
    },
  };
}

interface Feeds {
  readonly volumes: VolumeInformers;
  readonly podFeed: ReflectorSink<Pod>;
  readonly nodeFeed: NodeFeed;
  readonly loadFeed: LoadFeed;
  readonly synced: Synced;
  readonly rebalancer: Rebalancer | undefined;
  readonly own: OwnBindings;
}

/** What reads the watches. Loads may come late, or never: nobody waits for them. */
function reflectorsOf(
  options: SchedulerOptions,
  { volumes, podFeed, nodeFeed, loadFeed, synced, rebalancer, own }: Feeds,
): { run(signal: AbortSignal): Promise<void> }[] {
  const nodesKnown = new Synced([nodeFeed]);
  const [podSink, nodeSink] = [synced.after(podFeed), nodesKnown.after(synced.after(nodeFeed))];
  const sinks = {
    pods: rebalancer?.watchingPods(podSink) ?? podSink,
    nodes: rebalancer?.watchingNodes(nodeSink) ?? nodeSink,
  };
  const keep = new LeanPods().lean;
  const allPods = new Reflector({ ...options, type: pods, selection: {}, sink: sinks.pods, keep, own });
  const loads = new Reflector({
    ...options,
    type: leases,
    selection: { namespace: nodeLeases },
    sink: loadFeed,
  });
  return [
    {
      // What a pod's claims stand for is asked when it comes.
      async run(signal) {
        await volumes.whenSynced(signal);
        await allPods.run(signal);
      },
    },
    new Reflector({ ...options, type: nodes, selection: {}, sink: sinks.nodes }),
    {
      // A report of a node that is not known is of no use, and the next comes ten seconds later.
      async run(signal) {
        await nodesKnown.wait(signal);
        await loads.run(signal);
      },
    },
  ];
}

interface RebalancingParts {
  readonly cluster: Cluster;
  readonly profiles: Profiles;
  readonly queue: SchedulingQueue;
  readonly events: EventRecorder;
  readonly metrics: SchedulerMetrics;
}

function rebalancerOf(
  options: SchedulerOptions,
  { cluster, profiles, queue, events, metrics }: RebalancingParts,
): Rebalancer | undefined {
  const { rebalance, configured = [] } = options;
  if (rebalance === undefined) return undefined;
  const modes = new Map(configured.map(({ schedulerName, rebalancing }) => [schedulerName, rebalancing]));
  return new Rebalancer({
    ...{ ...options, cluster, profiles, events, settings: rebalance.settings },
    modeOf: (schedulerName) => modes.get(schedulerName) ?? rebalance.mode,
    waiting: () => queue.counts.active + queue.counts.backoff,
    onOutcome: (outcome) => metrics.rebalanced(outcome),
  });
}

/** @returns what looks at the waiting pods with claims anew, once a turn */
function followVolumes(volumes: VolumeInformers, podFeed: PodFeed, nodeFeed: NodeFeed): () => void {
  const volumesChanged = onceATurn(() => podFeed.volumesChanged());
  volumes.onChange(volumesChanged);
  volumes.onLimits((node) => nodeFeed.limitsChanged(node));
  return volumesChanged;
}

function followNamespaces(informer: Informer<Namespace>, changed: () => void): void {
  const labelsOf = ({ metadata }: Namespace): string => JSON.stringify(metadata.labels ?? {});
  const changedInOneTurn = onceATurn(changed);
  informer.addHandler({
    onAdd: changedInOneTurn,
    onUpdate: (previous, namespace) => {
      if (labelsOf(previous) !== labelsOf(namespace)) changedInOneTurn();
    },
    onDelete: changedInOneTurn,
  });
}

function followBudgets(options: SchedulerOptions, preemptor: Preemptor): Informer<PodDisruptionBudget> {
  const informer = new Informer<PodDisruptionBudget>({ ...options, type: poddisruptionbudgets });
  const read = onceATurn(() => preemptor.setBudgets(informer.lister.list().map(toDisruptionBudget)));
  informer.addHandler({ onAdd: read, onUpdate: read, onDelete: read });
  return informer;
}

function followGroups(
  options: SchedulerOptions,
  groups: PodGroups,
  queue: SchedulingQueue,
): Informer<PodGroup> {
  const informer = new Informer<PodGroup>({ ...options, type: podgroups });
  const set = ({ metadata: { namespace, name } }: PodGroup, minCount: number | undefined): void => {
    const key = groupKey(namespace, name);
    groups.setMinCount(key, name, minCount);
    for (const uid of groups.waitingIn(key)) queue.wakeOne(uid);
  };
  informer.addHandler({
    onAdd: (group) => set(group, group.spec?.minMember ?? 1),
    onUpdate: (_, group) => set(group, group.spec?.minMember ?? 1),
    onDelete: (group) => set(group, undefined),
  });
  return informer;
}

const gatedReport = {
  reason: 'SchedulingGated',
  message: 'Scheduling is blocked due to non-empty scheduling gates',
} as const;

/** Tells when all feeds have had a whole state. */
class Synced {
  readonly #feeds: readonly { readonly hasSynced: boolean }[];
  readonly #waiting = new Set<() => void>();

  constructor(feeds: readonly { readonly hasSynced: boolean }[]) {
    this.#feeds = feeds;
  }

  after<T>(sink: ReflectorSink<T>): ReflectorSink<T> {
    return {
      upsert: (object) => sink.upsert(object),
      remove: (object) => sink.remove(object),
      replace: (objects, resourceVersion) => {
        sink.replace(objects, resourceVersion);
        if (this.#isDone()) for (const done of [...this.#waiting]) done();
      },
    };
  }

  wait(signal: AbortSignal): Promise<void> {
    if (this.#isDone() || signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = (): void => {
        this.#waiting.delete(done);
        resolve();
      };
      this.#waiting.add(done);
      signal.addEventListener('abort', done, { once: true });
    });
  }

  #isDone(): boolean {
    return this.#feeds.every(({ hasSynced }) => hasSynced);
  }
}

function electorOf(options: SchedulerOptions, address: () => string | undefined): LeaderElector | undefined {
  const { identity } = options;
  if (identity === undefined) return undefined;
  const annotations = (): Record<string, string | undefined> => ({ [placementAnnotation]: address() });
  return new LeaderElector({ ...options, identity, name: 'kube-scheduler', annotations });
}

function underLeadership(
  elector: LeaderElector | undefined,
  signal: AbortSignal,
  lead: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  return elector === undefined ? lead(signal) : elector.runAsLeader(signal, lead);
}
