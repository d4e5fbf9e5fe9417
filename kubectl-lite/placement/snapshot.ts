/** The cluster of stored objects in the form that the scheduler's core reads. Nothing here is sent anywhere. */
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { Namespace, Node, Pod } from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { Cluster } from '../../scheduler/cache/cluster.ts';
import type { ProfileConfiguration } from '../../scheduler/configuration.ts';
import { DiagnosisMemo } from '../../scheduler/diagnosis-memo.ts';
import { diagnosisMessage, summary } from '../../scheduler/diagnosis-message.ts';
import { type PodClass, PodClasses } from '../../scheduler/framework/pod-class.ts';
import { LoadFeed } from '../../scheduler/load-feed.ts';
import { toDisruptionBudget } from '../../scheduler/preemption/disruption-budget.ts';
import { PreemptionIndex, type PreemptionPlan } from '../../scheduler/preemption/preemption-index.ts';
import { type Profile, type Profiles, profilesOf } from '../../scheduler/profile.ts';
import { preFilter } from '../../scheduler/schedule.ts';
import type { StrategyName } from '../../scheduler/strategies/registry.ts';
import { type VolumeLookup, volumeNeedsOf } from '../../scheduler/volume-state.ts';
import { type KnownPod, toKnownPod, toPlaced } from './known-pod.ts';

/** A report older than this beside the newest one is not looked at. */
const staleAfterMs = 25_000;
/** Strategies that draw lots draw the same ones each time. */
const seed = 1;

export interface SnapshotSources {
  readonly namespaces: readonly Namespace[];
  readonly nodes: readonly Node[];
  readonly budgets: readonly PodDisruptionBudget[];
  readonly volumes: VolumeLookup;
  readonly strategy: StrategyName;
  readonly configured?: readonly ProfileConfiguration[] | undefined;
}

export class Snapshot {
  readonly cluster: Cluster;
  readonly profiles: Profiles;
  readonly pods: Map<string, KnownPod> = new Map();
  readonly #nodes: Map<string, Node>;
  readonly #classes = new PodClasses();
  readonly #volumes: VolumeLookup;
  readonly #budgets: readonly PodDisruptionBudget[];
  readonly #memos = new Map<Profile, DiagnosisMemo>();
  readonly #preemptions = new Map<Profile, PreemptionIndex>();

  constructor({ namespaces, nodes, budgets, volumes, strategy, configured }: SnapshotSources) {
    const labels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
    this.cluster = new Cluster((name) => labels.get(name) ?? {});
    this.#nodes = new Map(nodes.map((node) => [node.metadata.name, node]));
    for (const node of nodes) this.cluster.setNode(node);
    this.#volumes = volumes;
    this.#budgets = budgets;
    this.profiles = profilesOf({ cluster: this.cluster, strategy, random: seededRandom(seed), configured });
  }

  classOf(pod: Pod): PodClass {
    return this.#classes.of(pod, volumeNeedsOf(pod, this.#volumes));
  }

  /** Pods that are over take no room and are left out. */
  addPod(pod: Pod): void {
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
    const known = toKnownPod(pod, this.classOf(pod));
    this.pods.set(known.uid, known);
    const { uid, podClass, nodeName, nominatedFor } = known;
    if (nodeName !== undefined) this.cluster.setPod(toPlaced(known, nodeName));
    else if (nominatedFor !== undefined) this.cluster.nominate({ uid, podClass }, nominatedFor);
  }

  /** What the nodes really use; after the pods, so that each report is known to include them. */
  addLoad(leases: readonly Lease[], clock: Clock): void {
    const renewedMs = ({ spec }: Lease): number => Date.parse(spec?.renewTime ?? '') || 0;
    const newestMs = Math.max(0, ...leases.map(renewedMs));
    new LoadFeed(this.cluster, clock).replace(
      leases.filter((lease) => newestMs - renewedMs(lease) < staleAfterMs),
    );
  }

  node(name: string): Node | undefined {
    return this.#nodes.get(name);
  }

  setNode(node: Node): void {
    this.#nodes.set(node.metadata.name, node);
    this.cluster.setNode(node);
  }

  profileOf({ schedulerName }: PodClass): Profile | undefined {
    return this.profiles.get(schedulerName);
  }

  /** Why no node takes the pod, in the words of its `FailedScheduling` event. */
  messageFor(profile: Profile, pod: PodClass): string {
    const { counts } = this.#memoOf(profile).diagnosisOf(pod);
    const plan = this.preemptionFor(profile, pod);
    const text = !pod.mayPreempt
      ? 'not eligible due to preemptionPolicy=Never.'
      : plan?.node === undefined && plan !== undefined
        ? summary(this.cluster.nodeCount, plan.reasons)
        : undefined;
    return diagnosisMessage(this.cluster.nodeCount, { counts, everywhere: preFilter(pod)?.reasons[0] }, text);
  }

  /** Which pods of lower priority would have to go for a pod that fits nowhere; undefined: it may not ask that. */
  preemptionFor(profile: Profile, pod: PodClass): PreemptionPlan | undefined {
    if (!pod.mayPreempt) return undefined;
    const index = this.#preemptions.get(profile) ?? new PreemptionIndex(profile.context);
    if (!this.#preemptions.has(profile)) {
      index.setBudgets(this.#budgets.map(toDisruptionBudget));
      this.#preemptions.set(profile, index);
    }
    return index.plan(pod, this.#memoOf(profile).diagnosisOf(pod));
  }

  #memoOf(profile: Profile): DiagnosisMemo {
    const memo = this.#memos.get(profile) ?? new DiagnosisMemo(profile.context);
    this.#memos.set(profile, memo);
    return memo;
  }
}
