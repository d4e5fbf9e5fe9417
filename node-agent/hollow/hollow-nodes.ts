import { configmaps } from '../../api/generated/resources.ts';
import type { Clock } from '../../base/clock.ts';
import { follow } from '../../base/followed-files.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { clusterInfoName, clusterInfoNamespace } from '../../client/cluster-info.ts';
import { HollowAgents } from './hollow-agents.ts';
import { HollowBeats } from './hollow-beats.ts';
import type { HollowFlags } from './hollow-flags.ts';
import { createHollowNode, type HollowNode } from './hollow-node.ts';
import { HollowPods } from './hollow-pods.ts';
import { type HollowIdentities, identitiesVersion, readIdentities } from './identities-file.ts';
import { NodeUpkeep } from './node-upkeep.ts';
import { followPower, type PowerTable } from './power-file.ts';
import { Rota } from './rota.ts';

/** How often an agent looks for a new certificate of the authority. */
const authorityPeriodMs = 6 * 3_600_000;

export interface HollowNodesOptions {
  readonly flags: HollowFlags;
  readonly identities: HollowIdentities;
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
  const beats = new HollowBeats({ ...options, ...flags, nodes: all });
  const upkeep = new NodeUpkeep({
    ...{ ...options, nodes: byName, capacity: flags.capacity },
    renewTogether: (node) => beats.renew(node),
  });
  const pods = new HollowPods({
    ...options,
    nodes: byName,
    startMs: flags.podStartMs,
    endMs: flags.podEndMs,
  });
  const agents = new HollowAgents({
    ...options,
    nodes: byName,
    onBoot: (node, agent) => {
      upkeep.follow(node, agent);
      pods.follow(node, agent);
    },
    onReady: ({ name }) => upkeep.look(name),
  });
  const apply = (table: PowerTable): void => {
    for (const node of all) {
      const before = node.power;
      const isBack = switchNode(node, table, clock.nowMs());
      if (node.power !== before) agents.follow(node);
      if (!isBack) continue;
      upkeep.look(node.name);
      pods.look(node);
    }
  };
  const tasks = new TaskGroup(signal);
  // First, so that a node that is dead or cut does not beat once after a restart of this process.
  tasks.start((until) => followPower(flags.powerDir, apply, logger, until));
  tasks.start((until) => beats.run(until));
  tasks.start((until) => upkeep.run(until));
  tasks.start((until) => pods.run(until));
  tasks.start((until) => agents.run(until));
  tasks.start((until) => followIdentities(options, agents, until));
  tasks.start((until) => followAuthority(options, all, until));
  await tasks.join();
}

/** Who renews the cluster's certificates renews those of the nodes. */
async function followIdentities(
  { flags, clock, logger }: HollowNodesOptions,
  agents: HollowAgents,
  signal: AbortSignal,
): Promise<void> {
  const read = (): Promise<number> => identitiesVersion(flags.identities);
  const followed = {
    ...{ what: flags.identities, known: await read(), read, clock, logger },
    isSame: (a: number, b: number) => a === b,
    take: async () => agents.renew(await readIdentities(flags.identities)),
  };
  await follow(followed, signal);
}

/** Asks as agents do. What there is to know is in the file of the identities. */
function followAuthority(
  { clock, logger }: HollowNodesOptions,
  all: readonly HollowNode[],
  signal: AbortSignal,
): Promise<void> {
  const ref = { namespace: clusterInfoNamespace, name: clusterInfoName };
  const visit = (index: number): void => {
    const node = all[index];
    if (node?.power !== 'on') return;
    node.agent?.client
      .get(configmaps, ref)
      .catch((error: unknown) =>
        logger.debug({ node: node.name, reason: messageOf(error) }, 'read it later'),
      );
  };
  return new Rota({ clock, periodMs: authorityPeriodMs, count: all.length, visit }).run(signal);
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
