import type { Node } from '../../api/generated/core-v1.ts';
import { nodes } from '../../api/generated/resources.ts';
import type { Clock } from '../../base/clock.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import type { ApiClient } from '../../client/client.ts';
import { Informer } from '../../client/informer.ts';
import { HollowBeats } from './hollow-beats.ts';
import type { HollowFlags } from './hollow-flags.ts';
import { createHollowNode, type HollowNode } from './hollow-node.ts';
import { HollowPods } from './hollow-pods.ts';
import { hollowLabel } from './node-shape.ts';
import { NodeUpkeep } from './node-upkeep.ts';
import { followPower, type PowerTable } from './power-file.ts';

export interface HollowNodesOptions {
  readonly flags: HollowFlags;
  readonly client: ApiClient;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Runs all nodes until `signal` aborts. */
export async function runHollowNodes(options: HollowNodesOptions, signal: AbortSignal): Promise<void> {
  const { flags, clock, logger } = options;
  const all = Array.from({ length: flags.count }, (_, offset) =>
    createHollowNode(flags.first + offset, flags.clusterKey),
  );
  const byName = new Map(all.map((node) => [node.name, node]));
  const known = new Informer<Node>({
    ...options,
    type: nodes,
    selection: { labelSelector: `${hollowLabel}=true` },
    transform: withoutManagedFields,
  });
  const upkeep = new NodeUpkeep({ ...options, nodes: byName, known, capacity: flags.capacity });
  const pods = new HollowPods({
    ...options,
    nodes: byName,
    podCidrOf: (node) => known.lister.get(undefined, node)?.spec.podCIDR,
    startMs: flags.podStartMs,
    endMs: flags.podEndMs,
  });
  const apply = (table: PowerTable): void => {
    for (const node of all) {
      if (!switchNode(node, table, clock.nowMs())) continue;
      upkeep.look(node.name);
      pods.look(node.name);
    }
  };
  const tasks = new TaskGroup(signal);
  // First, so that a node that is dead or cut does not beat once after a restart of this process.
  tasks.start((until) => followPower(flags.powerDir, apply, logger, until));
  tasks.start((until) => new HollowBeats({ ...options, ...flags, nodes: all }).run(until));
  tasks.start((until) => known.run(until));
  tasks.start((until) => upkeep.run(until));
  tasks.start((until) => pods.run(until));
  await tasks.join();
}

/** @returns whether the node has come back: from a death it boots, from a cut it goes on */
export function switchNode(node: HollowNode, table: PowerTable, nowMs: number): boolean {
  const before = node.power;
  node.power = table[node.name] ?? 'on';
  if (node.power !== 'on' || before === 'on') return false;
  if (before === 'dead') node.bootedAtMs = nowMs;
  node.isLeaseDue = true;
  node.isStatusDue = true;
  return true;
}

function withoutManagedFields(node: Node): Node {
  const { managedFields: _dropped, ...metadata } = node.metadata;
  return { ...node, metadata };
}
