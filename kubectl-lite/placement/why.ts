/** Why a pod is where it is, or nowhere. Pure: the snapshot is changed in thought and put back. */
import type { Verdict } from '../../scheduler/schedule.ts';
import { decide, explain } from '../../scheduler/schedule.ts';
import { type KnownPod, titleOf, toPlaced } from './known-pod.ts';
import type { Snapshot } from './snapshot.ts';
import { fitsOf, groupedRefusals, refusalsOf, scoreTable } from './verdict-text.ts';

export interface Explanation {
  readonly pod: string;
  readonly state: 'Placed' | 'Unschedulable' | 'Schedulable' | 'Gated' | 'NotOurs';
  /** Where it is, or would go now. */
  readonly node?: string | undefined;
  readonly message: string;
  readonly verdicts: readonly Verdict[];
}

export function explainPod(snapshot: Snapshot, pod: KnownPod): Explanation {
  const title = titleOf(pod);
  const profile = snapshot.profileOf(pod.podClass);
  if (profile === undefined) {
    const message = `its schedulerName is "${pod.podClass.schedulerName}", which this scheduler does not serve`;
    return { pod: title, state: 'NotOurs', node: pod.nodeName, message, verdicts: [] };
  }
  const verdicts = (): readonly Verdict[] => explain(profile.context, pod.podClass);
  const { cluster } = snapshot;
  if (pod.nodeName !== undefined) {
    // Its own room must not stand in its way.
    cluster.removePod(pod.uid);
    const found = verdicts();
    cluster.setPod(toPlaced(pod, pod.nodeName));
    return {
      pod: title,
      state: 'Placed',
      node: pod.nodeName,
      message: `is on ${pod.nodeName}`,
      verdicts: found,
    };
  }
  if (pod.gates.length > 0) {
    const message = `waits until its scheduling gates are removed: ${pod.gates.join(', ')}`;
    return { pod: title, state: 'Gated', message, verdicts: verdicts() };
  }
  const nominatedFor = cluster.withdrawNomination(pod.uid);
  const { node } = decide(profile.context, pod.podClass, profile.strategy);
  const state = node === undefined ? 'Unschedulable' : 'Schedulable';
  const waits = nominatedFor === undefined ? '' : ` It waits for evicted pods to leave ${nominatedFor}.`;
  const message =
    node === undefined
      ? `${snapshot.messageFor(profile, pod.podClass)}${waits}`
      : `fits now and goes to ${node} at the next turn`;
  const explanation: Explanation = { pod: title, state, node, message, verdicts: verdicts() };
  if (nominatedFor !== undefined) cluster.nominate(pod, nominatedFor);
  return explanation;
}

export function explanationText(explanation: Explanation): string {
  const { pod, state, node, message, verdicts } = explanation;
  const head = state === 'Placed' ? `pod ${pod} ${message}` : `pod ${pod} is pending: ${message}`;
  return [head, ...(state === 'Placed' ? placedLines(node, verdicts) : []), ...tail(explanation), ''].join(
    '\n',
  );
}

function placedLines(node: string | undefined, verdicts: readonly Verdict[]): string[] {
  const own = verdicts.find((verdict) => verdict.node === node);
  if (own?.fits !== false) return [];
  return [`${node} would not take it today: ${own.plugin}: ${own.reasons.join(', ')}`];
}

function tail({ state, node, verdicts }: Explanation): string[] {
  const fits = fitsOf(verdicts);
  const refusals = refusalsOf(verdicts);
  const isPlaced = state === 'Placed';
  const intro = isPlaced
    ? 'Points of the nodes that would take it, as things stand now (* is its own):'
    : 'Points of the nodes that would take it:';
  return [
    ...(fits.length === 0 ? [] : ['', intro, scoreTable(fits, node).trimEnd()]),
    ...(refusals.length === 0 ? [] : ['', 'Nodes that would not:', ...groupedRefusals(verdicts)]),
  ];
}
