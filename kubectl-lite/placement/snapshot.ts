/** The cluster of stored objects in the form that the scheduler's core reads. Nothing here is sent anywhere. */
import type { Lease } from '../../api/generated/coordination-v1.ts';
import type { Namespace, Node, Pod } from '../../api/generated/core-v1.ts';
import type { PodDisruptionBudget } from '../../api/generated/policy-v1.ts';
import type { PodGroup } from '../../api/generated/scheduling-x-v1alpha1.ts';
import type { CSINode, VolumeAttachment } from '../../api/generated/storage-v1.ts';
import type { Clock } from '../../base/clock.ts';
import { seededRandom } from '../../base/random.ts';
import { Cluster } from '../../scheduler/cache/cluster.ts';
import type { ProfileConfiguration } from '../../scheduler/configuration.ts';
import { Judge } from '../../scheduler/explanation/judge.ts';
import { toNodeFacts, withVolumeLimits } from '../../scheduler/framework/node-info.ts';
import { type PodClass, PodClasses } from '../../scheduler/framework/pod-class.ts';
import { type VolumeLimits, volumeLimitsOf } from '../../scheduler/framework/volume-limits.ts';
import { groupKey } from '../../scheduler/groups/pod-group.ts';
import { PodGroups } from '../../scheduler/groups/pod-groups.ts';
import { LoadFeed } from '../../scheduler/load-feed.ts';
import { type DisruptionBudget, toDisruptionBudget } from '../../scheduler/preemption/disruption-budget.ts';
import type { PreemptionPlan } from '../../scheduler/preemption/preemption-index.ts';
import { type Profile, type Profiles, profilesOf } from '../../scheduler/profile.ts';
import type { StrategyName } from '../../scheduler/strategies/registry.ts';
import { type VolumeLookup, volumeNeedsOf } from '../../scheduler/volume-state.ts';
import { Attachments } from '../../scheduler/volumes/attachments.ts';
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
  readonly csiNodes?: readonly CSINode[];
  readonly attachments?: readonly VolumeAttachment[];
  readonly strategy: StrategyName;
  readonly configured?: readonly ProfileConfiguration[] | undefined;
}

export class Snapshot {
  readonly cluster: Cluster;
  readonly profiles: Profiles;
  readonly groups: PodGroups;
  readonly judge: Judge;
  readonly budgets: readonly DisruptionBudget[];
  readonly pods: Map<string, KnownPod> = new Map();
  readonly #nodes: Map<string, Node>;
  readonly #classes = new PodClasses();
  readonly #volumes: VolumeLookup;
  readonly #limits: ReadonlyMap<string, VolumeLimits | undefined>;

  constructor(sources: SnapshotSources) {
    const { namespaces, nodes, budgets, volumes, csiNodes = [], attachments = [] } = sources;
    const { strategy, configured } = sources;
    const attached = new Attachments();
    for (const attachment of attachments) attached.add(attachment);
    const labels = new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}]));
    this.cluster = new Cluster((name) => labels.get(name) ?? {});
    this.#nodes = new Map(nodes.map((node) => [node.metadata.name, node]));
    this.#volumes = volumes;
    const limitsOf = (each: CSINode): VolumeLimits | undefined =>
      volumeLimitsOf(each, () => attached.volumesOn(each.metadata.name, volumes.volume));
    this.#limits = new Map(csiNodes.map((each) => [each.metadata.name, limitsOf(each)]));
    for (const node of nodes) this.setNode(node);
    const { cluster } = this;
    const profiles = profilesOf({ cluster, strategy, random: seededRandom(seed), configured });
    this.budgets = budgets.map(toDisruptionBudget);
    this.profiles = profiles;
    this.groups = new PodGroups(cluster);
    this.judge = new Judge({ cluster, profiles, groups: this.groups, budgets: () => this.budgets });
  }

  classOf(pod: Pod): PodClass {
    return this.#classes.of(pod, volumeNeedsOf(pod, this.#volumes));
  }

  /** Pods that are over take no room and are left out, but for what their groups know of them. */
  addPod(pod: Pod): void {
    const podClass = this.classOf(pod);
    this.groups.setPod(pod, podClass);
    if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return;
    const known = toKnownPod(pod, podClass);
    this.pods.set(known.uid, known);
    const { uid, nodeName, nominatedFor } = known;
    if (nodeName !== undefined) this.cluster.setPod(toPlaced(known, nodeName));
    else if (nominatedFor !== undefined) this.cluster.nominate({ uid, podClass }, nominatedFor);
  }

  addGroup({ metadata: { namespace, name }, spec }: PodGroup): void {
    this.groups.setMinCount(groupKey(namespace, name), name, spec?.minMember ?? 1);
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

  nodeNames(): readonly string[] {
    return [...this.#nodes.keys()];
  }

  setNode(node: Node): void {
    const { name } = node.metadata;
    this.#nodes.set(name, node);
    this.cluster.setNodeFacts(withVolumeLimits(toNodeFacts(node), this.#limits.get(name)));
  }

  profileOf({ schedulerName }: PodClass): Profile | undefined {
    return this.profiles.get(schedulerName);
  }

  messageFor(profile: Profile, pod: PodClass): string {
    return this.judge.messageFor(profile, pod);
  }

  preemptionFor(profile: Profile, pod: PodClass): PreemptionPlan | undefined {
    return this.judge.preemptionFor(profile, pod);
  }
}
