/**
 * `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable.`, as Kubernetes words it.
 * @param everywhere what rules out every node alike; it is said once
 * @param preemption what came of preemption; undefined when it found victims
 */
export function diagnosisMessage(
  nodeCount: number,
  {
    counts,
    everywhere,
  }: { readonly counts: ReadonlyMap<string, number>; readonly everywhere?: string | undefined },
  preemption: string | undefined,
): string {
  if (nodeCount === 0) return 'no nodes available to schedule pods';
  const text =
    everywhere === undefined
      ? summary(nodeCount, counts)
      : `0/${nodeCount} nodes are available: ${everywhere}.`;
  return preemption === undefined ? text : `${text} ${noDevices}, preemption: ${preemption}`;
}

/** What Kubernetes' DynamicResources, which comes before preemption, says of every pod without claims of devices. */
const noDevices = 'no new claims to deallocate';

/** How many nodes give which reason. */
export function summary(nodeCount: number, counts: ReadonlyMap<string, number>): string {
  const parts = [...counts].map(([reason, count]) => `${count} ${reason}`).sort();
  return `0/${nodeCount} nodes are available: ${parts.join(', ')}.`;
}

export function countReasons(reasons: Iterable<string>): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1);
  return counts;
}
