/** What happens to nodes, as the change that it is for their pods. Pure. */
import type { Node, Taint } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import type { PodClass } from '../../scheduler/framework/pod-class.ts';
import { violatingPods } from '../../scheduler/preemption/disruption-budget.ts';
import { usageError } from '../cli-error.ts';
import { type Change, named, noChange, together, type Waiting } from './change.ts';
import { daemonPodsOn } from './daemon-pods.ts';
import { type KnownPod, titleOf, toPlaced } from './known-pod.ts';
import type { NodeScenario } from './scenario.ts';
import type { Snapshot } from './snapshot.ts';

const unreachable = 'node.kubernetes.io/unreachable';
const addedName = 'new-node';
const platformLabels: ReadonlySet<string> = new Set(['kubernetes.io/os', 'kubernetes.io/arch']);

/** @param daemonSets put their pods on nodes that are added */
export function nodeChange(
  snapshot: Snapshot,
  scenario: NodeScenario,
  daemonSets: readonly AnyObject[] = [],
): Change {
  switch (scenario.kind) {
    case 'lost':
      return together(requireNodes(snapshot, scenario.nodes).map((node) => lost(snapshot, node)));
    case 'drained': {
      const change = together(requireNodes(snapshot, scenario.nodes).map((node) => drained(snapshot, node)));
      return { ...change, notes: drainNotes(snapshot, change) };
    }
    case 'added':
      return { ...noChange, apply: (changed) => added(changed, scenario, daemonSets) };
  }
}

function requireNodes(snapshot: Snapshot, names: readonly string[]): readonly Node[] {
  return names.map((name) => {
    const node = snapshot.node(name);
    if (node === undefined)
      throw usageError(`nodes "${name}" not found (there are: ${named(snapshot.nodeNames()) || 'none'})`);
    return node;
  });
}

/** The Node object stays and is tainted: its domain still counts where pods are spread. */
function lost(snapshot: Snapshot, node: Node): Change {
  const [leaving, stay] = split(
    podsOn(snapshot, node),
    ({ podClass, isStatic }) => !isStatic && !stayUnreachable(podClass),
  );
  const taints: Taint[] = [
    { key: unreachable, effect: 'NoSchedule' },
    { key: unreachable, effect: 'NoExecute' },
  ];
  const [identities, others] = split(leaving, ({ owner, isLive }) => isLive && owner?.kind === 'StatefulSet');
  return {
    ...{ leaving: others, stay, coming: [] },
    held: identities.map((pod) => ({ pod, message: heldMessage })),
    apply(changed) {
      changed.setNode(tainted(node, taints));
      return [];
    },
  };
}

const heldMessage =
  'its StatefulSet starts it anew when the old pod is gone for certain: the node comes back, or the Node or the pod is deleted by force';

/** As `drain --ignore-daemonsets --force --delete-emptydir-data`. */
function drained(snapshot: Snapshot, node: Node): Change {
  const [leaving, stay] = split(
    podsOn(snapshot, node),
    ({ owner, isStatic }) => !isStatic && owner?.kind !== 'DaemonSet',
  );
  const taints: Taint[] = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }];
  const cordoned = tainted(node, taints);
  return {
    ...{ leaving, stay, coming: [] },
    apply(changed) {
      changed.setNode({ ...cordoned, spec: { ...cordoned.spec, unschedulable: true } });
      return [];
    },
  };
}

/** Where `kubectl drain` would refuse, or wait. */
function drainNotes(snapshot: Snapshot, { leaving, stay = [] }: Change): readonly string[] {
  const live = leaving.filter(({ isLive }) => isLive);
  const note = (
    pods: readonly { readonly namespace: string; readonly name: string }[],
    text: string,
  ): string[] => (pods.length === 0 ? [] : [`${text}: ${named(pods.map(titleOf))}`]);
  const placed = live.map((pod) => toPlaced(pod, pod.nodeName ?? ''));
  const held = new Set([...violatingPods(placed, snapshot.budgets)].map(({ uid }) => uid));
  return [
    ...note(
      live.filter(({ owner }) => owner === undefined),
      'drain asks for --force, since nobody makes these anew',
    ),
    ...note(
      live.filter(({ hasEmptyDir }) => hasEmptyDir),
      'drain asks for --delete-emptydir-data, since these have files in an emptyDir',
    ),
    ...note(
      stay.filter(({ isStatic }) => !isStatic),
      'drain asks for --ignore-daemonsets',
    ),
    ...note(
      live.filter(({ uid }) => held.has(uid)),
      'drain waits for a PodDisruptionBudget, which does not allow these evictions now',
    ),
  ];
}

const podsOn = (snapshot: Snapshot, { metadata }: Node): KnownPod[] =>
  [...snapshot.pods.values()].filter(({ nodeName }) => nodeName === metadata.name);

function split(pods: readonly KnownPod[], goes: (pod: KnownPod) => boolean): [KnownPod[], KnownPod[]] {
  return [pods.filter(goes), pods.filter((pod) => !goes(pod))];
}

/** Without `tolerationSeconds` the node may stay away for good. */
const stayUnreachable = ({ tolerations }: PodClass): boolean =>
  tolerations.some(
    ({ key = '', operator = 'Equal', effect = '', value = '', tolerationSeconds }) =>
      tolerationSeconds === undefined &&
      (effect === '' || effect === 'NoExecute') &&
      (operator === 'Exists' ? key === '' || key === unreachable : key === unreachable && value === ''),
  );

function tainted(node: Node, taints: readonly Taint[]): Node {
  const others = (node.spec?.taints ?? []).filter(
    ({ key, effect }) => !taints.some((taint) => taint.key === key && taint.effect === effect),
  );
  return { ...node, spec: { ...node.spec, taints: [...others, ...taints] } };
}

function added(
  snapshot: Snapshot,
  { resources, labels, taints, count }: Extract<NodeScenario, { readonly kind: 'added' }>,
  daemonSets: readonly AnyObject[],
): readonly Waiting[] {
  const common = commonLabels(snapshot);
  const names: string[] = [];
  for (let n = 1; names.length < count; n += 1) {
    const name = n === 1 ? addedName : `${addedName}-${n}`;
    if (snapshot.node(name) !== undefined) continue;
    names.push(name);
    snapshot.setNode({
      ...{ apiVersion: 'v1', kind: 'Node' },
      metadata: {
        ...{ name, uid: name, resourceVersion: '', creationTimestamp: '' },
        labels: { ...common, 'kubernetes.io/hostname': name, ...labels },
      },
      spec: { taints: [...taints] },
      status: { allocatable: { ...resources } },
    });
  }
  return daemonSets.flatMap((daemonSet) => daemonPodsOn(snapshot, daemonSet, names));
}

/** What all nodes have alike (`kubernetes.io/os`), a new one is taken to have as well. */
function commonLabels(snapshot: Snapshot): Readonly<Record<string, string>> {
  const [first, ...others] = snapshot.nodeNames().map((name) => snapshot.node(name)?.metadata.labels ?? {});
  return Object.fromEntries(
    Object.entries(first ?? {}).filter(
      ([key, value]) => platformLabels.has(key) && others.every((labels) => labels[key] === value),
    ),
  );
}
