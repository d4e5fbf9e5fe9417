/** Why the pods of a workload are where they are, or nowhere: alike pods are told of once. Pure. */
import type { AnyObject } from '../../api/kind-info.ts';
import { type Explanation, explainPod } from '../../scheduler/explanation/explain-pod.ts';
import { explanationText } from '../../scheduler/explanation/explanation-text.ts';
import { align } from '../printers/table.ts';
import { named } from './change.ts';
import { type KnownPod, titleOf } from './known-pod.ts';
import { compareNames } from './node-loads.ts';
import type { Snapshot } from './snapshot.ts';
import { makersOf, podsOf, replicasOf, statusOf } from './workload-change.ts';

/** Rows of the table of nodes; of more it says how many. */
const maxRows = 40;
/** Pods that a row names. */
const maxNamed = 3;

export interface WorkloadExplanation {
  readonly kind: string;
  readonly workload: string;
  /** Undefined where it is one for each node that will do, or as many as a Job still needs. */
  readonly wanted?: number | undefined;
  /** Names of pods by node. */
  readonly onNodes: Readonly<Record<string, readonly string[]>>;
  readonly ending: readonly string[];
  readonly pending: readonly { readonly pods: readonly string[]; readonly explanation: Explanation }[];
  /** Why pods that are wanted are not even there, in the controller's words. */
  readonly failures: readonly string[];
}

export function explainWorkload(
  snapshot: Snapshot,
  { workload, replicaSets }: { readonly workload: AnyObject; readonly replicaSets: readonly AnyObject[] },
): WorkloadExplanation {
  const makers = makersOf(workload, replicaSets);
  const pods = podsOf(snapshot, makers);
  const live = pods.filter(({ isLive }) => isLive);
  const { namespace = 'default', name } = workload.metadata;
  return {
    ...{ kind: workload.kind, workload: titleOf({ namespace, name }) },
    wanted: workload.kind === 'DaemonSet' || workload.kind === 'Job' ? undefined : replicasOf(workload),
    onNodes: byNode(live),
    ending: pods.filter(({ isLive }) => !isLive).map(titleOf),
    pending: alike(live.filter(({ nodeName }) => nodeName === undefined)).flatMap((group) =>
      group.slice(0, 1).map((first) => ({
        pods: group.map(titleOf),
        explanation: explainPod(snapshot.judge, first),
      })),
    ),
    failures: [...new Set([workload, ...makers].flatMap(failuresOf))],
  };
}

/** Pods of one class have one answer, unless gates, a group or a nomination make a difference. */
function alike(pods: readonly KnownPod[]): KnownPod[][] {
  const byClass = new Map<object, Map<string, KnownPod[]>>();
  for (const pod of pods) {
    const groups = byClass.get(pod.podClass) ?? new Map<string, KnownPod[]>();
    byClass.set(pod.podClass, groups);
    const key = JSON.stringify([pod.gates, pod.nominatedFor, pod.group]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [pod]);
    else group.push(pod);
  }
  return [...byClass.values()].flatMap((groups) => [...groups.values()]);
}

function failuresOf(object: AnyObject): string[] {
  const { conditions = [] } = statusOf(object);
  return conditions
    .filter(({ type, status }) => type === 'ReplicaFailure' && status === 'True')
    .map(({ reason = '', message = '' }) => `${reason}: ${message}`);
}

function byNode(pods: readonly KnownPod[]): Readonly<Record<string, readonly string[]>> {
  const nodes = new Map<string, string[]>();
  for (const { name, nodeName } of pods) {
    if (nodeName === undefined) continue;
    const names = nodes.get(nodeName);
    if (names === undefined) nodes.set(nodeName, [name]);
    else names.push(name);
  }
  return Object.fromEntries([...nodes].sort(([left], [right]) => compareNames(left, right)));
}

export function workloadText(answer: WorkloadExplanation): string {
  const { kind, workload, wanted, onNodes, ending, pending, failures } = answer;
  const placed = Object.values(onNodes).reduce((sum, names) => sum + names.length, 0);
  const waiting = pending.reduce((sum, { pods }) => sum + pods.length, 0);
  const parts = [
    ...(wanted === undefined ? [] : [`${wanted} wanted`]),
    `${placed} on nodes`,
    `${waiting} pending`,
    ...(ending.length === 0 ? [] : [`${ending.length} ending`]),
  ];
  const rows = Object.entries(onNodes).map(([node, names]) => [
    node,
    String(names.length),
    named(names, maxNamed),
  ]);
  const rest = rows.length - maxRows;
  const missing = wanted === undefined ? 0 : wanted - placed - waiting;
  return [
    `${kind.toLowerCase()} ${workload}: pods: ${parts.join(', ')}\n`,
    ...(missing > 0 && failures.length === 0 ? [`${missing} not made yet by its controller\n`] : []),
    ...failures.map((failure) => `not made: ${failure}\n`),
    rows.length === 0 ? '' : `\n${align([['NODE', 'PODS', 'NAMES'], ...rows.slice(0, maxRows)])}`,
    rest > 0 ? `and ${rest} nodes more\n` : '',
    ...pending.map(({ pods: [, ...others], explanation }) => {
      const more = others.length === 0 ? '' : `\nalike: ${named(others)}\n`;
      return `\n${explanationText(explanation)}${more}`;
    }),
  ].join('');
}
