import type { NodeInfo, Nomination } from '../../framework/node-info.ts';
import type { NodeFilter } from '../../framework/plugin.ts';
import type { PodClass } from '../../framework/pod-class.ts';

interface Excess {
  readonly driver: string;
  /** Volumes that the node does not have yet. */
  readonly needed: number;
  readonly free: number;
}

/** A storage driver attaches only so many volumes to a node, as its CSINode says. One that is there costs nothing. */
export const nodeVolumeLimits: NodeFilter = {
  name: 'NodeVolumeLimits',
  concerns: ({ volumes }) => volumes.attached !== undefined,
  admits: (pod, node) => excessOf(pod, node) === undefined,
  reject(pod, node) {
    const { driver = '', needed = 0, free = 0 } = excessOf(pod, node) ?? {};
    return {
      reasons: ['node(s) exceed max volume count'],
      isFinal: false,
      shortfalls: [{ resource: `volumes of ${driver}`, needed, free }],
      change: `${needed - free} volume${needed - free === 1 ? '' : 's'} of ${driver} less on the node`,
    };
  },
};

/** There must be room beside the pods that the node is kept for, and without them, since they may never come. */
function excessOf(pod: PodClass, node: NodeInfo): Excess | undefined {
  const expected = node.nominations.filter(({ podClass }) => podClass.priority >= pod.priority);
  const beside = expected.length === 0 ? undefined : excessBeside(pod, node, expected);
  return beside ?? excessBeside(pod, node, []);
}

function excessBeside(pod: PodClass, node: NodeInfo, expected: readonly Nomination[]): Excess | undefined {
  const wanted = pod.volumes.attached ?? [];
  for (const driver of new Set(wanted.map((volume) => volume.driver))) {
    const limit = node.volumeLimits?.counts[driver];
    if (limit === undefined) continue;
    const there = claimsOn(node, driver, expected);
    const used = there.size;
    for (const volume of wanted) if (volume.driver === driver) there.add(volume.claim);
    const needed = there.size - used;
    if (needed > 0 && there.size > limit) return { driver, needed, free: Math.max(0, limit - used) };
  }
  return undefined;
}

/** Claims whose volumes the driver has attached there, still or for pods, or is going to for pods that are expected. */
function claimsOn(node: NodeInfo, driver: string, expected: readonly Nomination[]): Set<string> {
  const claims = new Set(node.attachedVolumes.claimsOf(driver));
  for (const volume of node.volumeLimits?.attached ?? [])
    if (volume.driver === driver) claims.add(volume.claim);
  for (const { podClass } of expected)
    for (const volume of podClass.volumes.attached ?? [])
      if (volume.driver === driver) claims.add(volume.claim);
  return claims;
}
