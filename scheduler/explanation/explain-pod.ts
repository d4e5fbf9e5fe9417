/** Why a pod is where it is, or nowhere. Synchronous: what is tried in thought is put back before anyone looks. */
import type { PodClass } from '../framework/pod-class.ts';
import { missingMembers, unfitGroup } from '../groups/group-message.ts';
import { type Candidate, type GroupAttempt, placeGroup, takeBack } from '../groups/place-group.ts';
import type { GroupState } from '../groups/pod-groups.ts';
import type { Profile } from '../profile.ts';
import { explain, schedule, type Verdict } from '../schedule.ts';
import type { Judge } from './judge.ts';

/** What is known of the pod that is asked about. */
export interface AskedPod {
  readonly uid: string;
  readonly namespace: string;
  readonly name: string;
  readonly podClass: PodClass;
  readonly nodeName: string | undefined;
  readonly gates: readonly string[];
  /** False while it is being deleted. */
  readonly isLive?: boolean;
  /** Made by a node's agent for itself. */
  readonly isStatic?: boolean;
}

export interface Explanation {
  readonly pod: string;
  readonly state: 'Placed' | 'Unschedulable' | 'Schedulable' | 'Gated' | 'NotOurs';
  /** Where it is, or would go now. */
  readonly node?: string | undefined;
  readonly message: string;
  /** How the scheduler chooses among the nodes that would do. */
  readonly strategy?: string | undefined;
  /** Every node's, the best first. */
  readonly verdicts: readonly Verdict[];
}

/** Where a pod without a node would go now. */
export type Outlook =
  | { readonly state: 'Schedulable'; readonly node: string }
  | {
      readonly state: 'Unschedulable' | 'Gated' | 'NotOurs';
      readonly node?: undefined;
      readonly message: string;
      /** What it would do about it. */
      readonly evicts?: { readonly node: string; readonly pods: number } | undefined;
    };

export function explainPod(judge: Judge, pod: AskedPod): Explanation {
  const { uid, podClass, nodeName } = pod;
  const profile = judge.profileOf(podClass);
  const strategy = profile?.strategy.name;
  const head = { pod: `${pod.namespace}/${pod.name}`, node: nodeName, strategy };
  if (nodeName !== undefined) {
    const isChosen = profile !== undefined && pod.isStatic !== true;
    const verdicts = isChosen ? withoutPod(judge, uid, () => explain(profile.context, podClass)) : [];
    const words = [`is on ${nodeName}`, ...remarksOn(judge, pod, nodeName)].join('');
    return { ...head, state: isChosen ? 'Placed' : 'NotOurs', message: words, verdicts };
  }
  if (profile === undefined) return { ...head, state: 'NotOurs', message: notServed(podClass), verdicts: [] };
  return withoutNomination(judge, pod, (nominatedFor) => {
    let verdicts: readonly Verdict[] | undefined;
    const outlook = outlookOf(judge, profile, pod, (stuck) => {
      verdicts = judge.verdictsFor(profile, stuck);
    });
    const { state, node } = outlook;
    const message =
      outlook.state === 'Schedulable'
        ? `fits now and goes to ${outlook.node} at the next turn`
        : `${outlook.message}${evictionWords(outlook, nominatedFor)}`;
    verdicts ??=
      state === 'Unschedulable' ? judge.verdictsFor(profile, podClass) : explain(profile.context, podClass);
    return { ...head, state, node, message, verdicts };
  });
}

/** What else is to be known of a pod that has a node. */
function remarksOn(
  judge: Judge,
  { podClass, isLive = true, isStatic = false }: AskedPod,
  nodeName: string,
): readonly string[] {
  return [
    ...(isStatic ? [': a static pod, which the agent of its node runs whatever the scheduler thinks'] : []),
    ...(!isStatic && judge.profileOf(podClass) === undefined ? [`; ${notServed(podClass)}`] : []),
    ...(judge.cluster.node(nodeName) === undefined ? [', which is no node of this cluster'] : []),
    ...(isLive ? [] : ['; it is ending']),
  ];
}

/** `nominatedFor`: it has evicted already. */
function evictionWords(
  { evicts }: Extract<Outlook, { readonly message: string }>,
  nominatedFor: string | undefined,
): string {
  if (nominatedFor !== undefined) return ` It waits for evicted pods to leave ${nominatedFor}.`;
  if (evicts === undefined) return '';
  const { pods, node } = evicts;
  return ` It would evict ${pods === 1 ? '1 pod' : `${pods} pods`} of lower priority and go to ${node}.`;
}

/** As `explainPod`, without a look at each node when there is one that fits. */
export function foresee(judge: Judge, pod: AskedPod): Outlook {
  const profile = judge.profileOf(pod.podClass);
  if (profile === undefined) return { state: 'NotOurs', message: notServed(pod.podClass) };
  return withoutNomination(judge, pod, () => {
    const outlook = outlookOf(judge, profile, pod);
    if (outlook.state === 'Schedulable') return outlook;
    return { ...outlook, message: `${outlook.message}${evictionWords(outlook, undefined)}` };
  });
}

const notServed = ({ schedulerName }: PodClass): string =>
  `its schedulerName is "${schedulerName}", which this scheduler does not serve`;

/** @param whileStuck called while the other members of the pod's group are counted, for the one that does not fit */
function outlookOf(
  judge: Judge,
  profile: Profile,
  { uid, podClass, gates }: AskedPod,
  whileStuck?: (stuck: PodClass) => void,
): Outlook {
  if (gates.length > 0)
    return { state: 'Gated', message: `waits until its scheduling gates are removed: ${gates.join(', ')}` };
  const group = judge.groups.heldGroupOf(uid);
  if (group !== undefined) return outlookOfGroup(judge, group, uid, whileStuck);
  const node = schedule(profile.context, podClass, profile.strategy)?.name;
  if (node !== undefined) return { state: 'Schedulable', node };
  const plan = judge.preemptionFor(profile, podClass);
  const evicts = plan?.node === undefined ? undefined : { node: plan.node, pods: plan.victims.length };
  return { state: 'Unschedulable', message: judge.messageFor(profile, podClass), evicts };
}

function outlookOfGroup(
  judge: Judge,
  group: GroupState,
  uid: string,
  whileStuck?: (stuck: PodClass) => void,
): Outlook {
  const missing = missingMembers(group);
  if (missing !== undefined) return { state: 'Unschedulable', message: missing };
  const { cluster } = judge;
  const needed = (group.minCount ?? 0) - group.settled;
  const found = placeGroup({
    ...{ cluster, needed, candidates: group.waiting },
    profileOf: (pod) => judge.profileOf(pod),
  });
  const node = found.placed.find(({ candidate }) => candidate.uid === uid)?.node;
  const fits = found.placed.length >= needed && node !== undefined;
  const message = fits ? '' : unfitMessage(judge, group, found, uid);
  const stuck = stuckOf(found, uid);
  if (!fits && stuck !== undefined) whileStuck?.(stuck.podClass);
  takeBack(cluster, found);
  return fits ? { state: 'Schedulable', node } : { state: 'Unschedulable', message };
}

/** Asked while those that fit are counted: of the pod itself when it is among those that do not, else of another one. */
export function unfitMessage(
  judge: Judge,
  group: GroupState,
  found: GroupAttempt<Candidate>,
  uid?: string,
): string {
  const stuck = stuckOf(found, uid);
  if (stuck === undefined) return '';
  const profile = judge.profileOf(stuck.podClass);
  const diagnosis =
    profile === undefined ? notServed(stuck.podClass) : judge.messageFor(profile, stuck.podClass);
  const isShort = group.settled + found.placed.length < (group.minCount ?? 0);
  return isShort ? unfitGroup(group, found.placed.length, diagnosis) : diagnosis;
}

const stuckOf = ({ left }: GroupAttempt<Candidate>, uid: string | undefined): Candidate | undefined =>
  left.find((each) => each.uid === uid) ?? left[0];

/** Its own room must not stand in its way. */
function withoutPod<V>({ cluster }: Judge, uid: string, ask: () => V): V {
  const placed = cluster.removePod(uid);
  const answer = ask();
  if (placed !== undefined) cluster.putBack(placed);
  return answer;
}

function withoutNomination<V>(
  { cluster }: Judge,
  { uid, podClass }: AskedPod,
  ask: (nominatedFor: string | undefined) => V,
): V {
  const nominatedFor = cluster.withdrawNomination(uid);
  const answer = ask(nominatedFor);
  if (nominatedFor !== undefined) cluster.nominate({ uid, podClass }, nominatedFor);
  return answer;
}
