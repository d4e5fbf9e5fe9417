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
}

export interface Explanation {
  readonly pod: string;
  readonly state: 'Placed' | 'Unschedulable' | 'Schedulable' | 'Gated' | 'NotOurs';
  /** Where it is, or would go now. */
  readonly node?: string | undefined;
  readonly message: string;
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
    };

export function explainPod(judge: Judge, pod: AskedPod): Explanation {
  const { uid, podClass, nodeName } = pod;
  const head = { pod: `${pod.namespace}/${pod.name}`, node: nodeName };
  const profile = judge.profileOf(podClass);
  if (profile === undefined) return { ...head, state: 'NotOurs', message: notServed(podClass), verdicts: [] };
  if (nodeName !== undefined) {
    const verdicts = withoutPod(judge, uid, () => explain(profile.context, podClass));
    return { ...head, state: 'Placed', message: `is on ${nodeName}`, verdicts };
  }
  return withoutNomination(judge, pod, (nominatedFor) => {
    let verdicts: readonly Verdict[] | undefined;
    const outlook = outlookOf(judge, profile, pod, (stuck) => {
      verdicts = explain(profile.context, stuck);
    });
    const waits = nominatedFor === undefined ? '' : ` It waits for evicted pods to leave ${nominatedFor}.`;
    const { state, node } = outlook;
    const message =
      outlook.state === 'Schedulable'
        ? `fits now and goes to ${outlook.node} at the next turn`
        : `${outlook.message}${waits}`;
    return { ...head, state, node, message, verdicts: verdicts ?? explain(profile.context, podClass) };
  });
}

/** As `explainPod`, without a look at each node when there is one that fits. */
export function foresee(judge: Judge, pod: AskedPod): Outlook {
  const profile = judge.profileOf(pod.podClass);
  if (profile === undefined) return { state: 'NotOurs', message: notServed(pod.podClass) };
  return withoutNomination(judge, pod, () => outlookOf(judge, profile, pod));
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
  return node === undefined
    ? { state: 'Unschedulable', message: judge.messageFor(profile, podClass) }
    : { state: 'Schedulable', node };
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
