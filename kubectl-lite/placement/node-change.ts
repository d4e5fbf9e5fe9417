/** What happens to nodes, as the change that it is for their pods. Pure. */
import type { Node, Taint } from '../../api/generated/core-v1.ts';
import type { PodClass } from '../../scheduler/framework/pod-class.ts';
import { usageError } from '../cli-error.ts';
import type { Change } from './forecast.ts';
import type { KnownPod } from './known-pod.ts';
import type { NodeScenario } from './scenario.ts';
import type { Snapshot } from './snapshot.ts';

const unreachable = 'node.kubernetes.io/unreachable';
const addedName = 'new-node';

export function nodeChange(snapshot: Snapshot, scenario: NodeScenario): Change {
  switch (scenario.kind) {
    case 'lost':
      return lost(snapshot, requireNode(snapshot, scenario.node));
    case 'drained':
      return drained(snapshot, requireNode(snapshot, scenario.node));
    case 'added':
      return { leaving: [], coming: [], apply: (changed) => changed.setNode(newNode(changed, scenario)) };
  }
}

function requireNode(snapshot: Snapshot, name: string): Node {
  const node = snapshot.node(name);
  if (node === undefined) throw usageError(`nodes "${name}" not found`);
  return node;
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
  return { leaving, stay, coming: [], apply: (changed) => changed.setNode(tainted(node, taints)) };
}

/** As `drain --ignore-daemonsets --force --delete-emptydir-data`. */
function drained(snapshot: Snapshot, node: Node): Change {
  const [leaving, stay] = split(
    podsOn(snapshot, node),
    ({ owner, isStatic }) => !isStatic && owner?.kind !== 'DaemonSet',
  );
  const taints: Taint[] = [{ key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' }];
  const cordoned = tainted(node, taints);
  const apply = (changed: Snapshot): void =>
    changed.setNode({ ...cordoned, spec: { ...cordoned.spec, unschedulable: true } });
  return { leaving, stay, coming: [], apply };
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

function newNode(
  snapshot: Snapshot,
  { resources, labels }: Extract<NodeScenario, { readonly kind: 'added' }>,
): Node {
  let name = addedName;
  for (let n = 2; snapshot.node(name) !== undefined; n += 1) name = `${addedName}-${n}`;
  return {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      ...{ name, uid: name, resourceVersion: '', creationTimestamp: '' },
      labels: { 'kubernetes.io/hostname': name, ...labels },
    },
    spec: {},
    status: { allocatable: { ...resources } },
  };
}
