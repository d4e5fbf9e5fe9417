/** The pods that a DaemonSet would put on nodes. Pure. */
import type { PodSpec, Toleration } from '../../api/generated/core-v1.ts';
import type { AnyObject } from '../../api/kind-info.ts';
import { rejectionOn } from '../../scheduler/schedule.ts';
import type { Waiting } from './change.ts';
import type { Snapshot } from './snapshot.ts';
import { comingPods, podOf, toMaker } from './workload-change.ts';

/** Where these refuse, a DaemonSet wants no pod at all; where others do, it wants one that waits. */
const choosing: ReadonlySet<string> = new Set([
  'NodeAffinity',
  'NodeName',
  'NodeUnschedulable',
  'TaintToleration',
]);

/** A daemon stays on its node whatever becomes of it. */
const daemonTolerations: readonly Toleration[] = [
  ...['not-ready', 'unreachable'].map((name) => ({ name, effect: 'NoExecute' })),
  ...['disk-pressure', 'memory-pressure', 'pid-pressure', 'unschedulable'].map((name) => ({
    ...{ name, effect: 'NoSchedule' },
  })),
].map(({ name, effect }) => ({ key: `node.kubernetes.io/${name}`, operator: 'Exists', effect }));

/** One on each of these nodes that the DaemonSet is for. The nodes are there. */
export function daemonPodsOn(
  snapshot: Snapshot,
  daemonSet: AnyObject,
  nodeNames: Iterable<string>,
): readonly Waiting[] {
  const maker = toMaker(daemonSet, 'DaemonSet');
  if (maker === undefined) return [];
  const model = podOf(maker, maker.name);
  const spec: PodSpec = {
    ...model.spec,
    tolerations: [...(model.spec.tolerations ?? []), ...daemonTolerations],
  };
  const [waiting] = comingPods(snapshot, { ...model, spec }, [maker.name]);
  const profile = waiting && snapshot.profileOf(waiting.pod.podClass);
  if (waiting === undefined || profile === undefined) return [];
  const { pod } = waiting;
  return [...nodeNames].flatMap((only): Waiting[] => {
    const node = snapshot.cluster.node(only);
    if (node === undefined) return [];
    const rejection = rejectionOn(profile.context, pod.podClass, node);
    if (rejection !== undefined && choosing.has(rejection.plugin)) return [];
    const name = `${maker.name}-on-${only}`;
    return [{ pod: { ...pod, uid: `${pod.namespace}/${name} to come`, name }, only }];
  });
}
