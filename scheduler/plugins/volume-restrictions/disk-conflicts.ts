import type { NodeInfo } from '../../framework/node-info.ts';
import type { NodeFilter } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';
import type { DiskUse } from '../../framework/volume-needs.ts';

/** A disk that pods name themselves is on a node for one pod, or for several that only read it. */
export const diskConflicts: NodeFilter = {
  name: 'VolumeRestrictions',
  concerns: ({ volumes }) => volumes.disks !== undefined,
  admits: (pod, node) => takenDisk(pod, node) === undefined,
  reject: (pod, node) => ({
    reasons: ['node(s) had no available disk'],
    isFinal: false,
    change: `no other pod on the node that uses the disk ${takenDisk(pod, node)}`,
  }),
};

/** Pods of this or a higher priority that the node is kept for count as well. */
function takenDisk(pod: PodClass, node: NodeInfo): string | undefined {
  const expected = node.nominations.flatMap(({ podClass }) =>
    podClass.priority >= pod.priority ? [podClass] : [],
  );
  const there = [...node.classesWithVolumes.keys(), ...expected].flatMap(
    ({ volumes }) => volumes.disks ?? [],
  );
  return pod.volumes.disks?.find((wanted) => there.some((used) => excludes(used, wanted)))?.disk;
}

const excludes = (used: DiskUse, wanted: DiskUse): boolean =>
  used.disk === wanted.disk && !(used.isReadOnly && wanted.isReadOnly);
