/**
 * The agents of all nodes of the process. They boot a few at a time, each when those before it have their first states,
 * so that thousands of handshakes and watches leave the API server time for everything else.
 */
import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import type { Random } from '../../base/random.ts';
import { TaskGroup } from '../../base/task-group.ts';
import { PingPace } from '../ping-pace.ts';
import { HollowAgent } from './hollow-agent.ts';
import type { HollowNode } from './hollow-node.ts';
import { configOf, type HollowIdentities } from './identities-file.ts';
import { followersOfAll, PeerNames } from './peer-names.ts';
import { SharedLines } from './shared-lines.ts';
import { Turns } from './turns.ts';

/** Nodes that boot at the same time. */
const booting = { limit: 32, patienceMs: 5_000 } as const;
/** Handshakes at the same time: an API server has four under way and the next ones at hand. A silent one is not waited for. */
const connecting = { limit: 16, patienceMs: 250 } as const;

export interface HollowAgentsOptions {
  readonly nodes: ReadonlyMap<string, HollowNode>;
  readonly identities: HollowIdentities;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The agent is made and does not run yet. */
  readonly onBoot: (node: HollowNode, agent: HollowAgent) => void;
  /** Its watches have shown their first states. */
  readonly onReady: (node: HollowNode) => void;
}

export class HollowAgents {
  readonly #options: HollowAgentsOptions;
  readonly #lines: SharedLines;
  readonly #peers = new PeerNames();
  readonly #followersOfAll: ReadonlySet<string>;
  readonly #pace = new PingPace();
  readonly #booting: Turns;
  readonly #connecting: Turns;
  #identities: HollowIdentities;
  #group: TaskGroup | undefined;

  constructor(options: HollowAgentsOptions) {
    this.#options = options;
    const { identities, clock, nodes } = options;
    this.#lines = new SharedLines(nodes.size);
    this.#followersOfAll = followersOfAll(nodes.keys());
    this.#booting = new Turns({ ...booting, clock });
    this.#connecting = new Turns({ ...connecting, clock });
    this.#identities = identities;
    this.#pace.follow(() => this.#peers.size);
  }

  async run(signal: AbortSignal): Promise<void> {
    const group = new TaskGroup(signal);
    this.#group = group;
    for (const node of this.#options.nodes.values()) this.follow(node);
    group.start(aborted);
    await group.join();
  }

  /** Brings a node's agent to what its power asks for. */
  follow(node: HollowNode): void {
    const { agent, power } = node;
    if (power === 'dead') {
      node.agent = undefined;
      agent?.die();
    } else if (power === 'cut') agent?.cut();
    else if (agent !== undefined) agent.heal();
    else this.#group?.start((until) => this.#boot(node, until));
  }

  /** All go over to new certificates. */
  async renew(identities: HollowIdentities): Promise<void> {
    this.#identities = identities;
    const { nodes, logger } = this.#options;
    const renewals = [...nodes.values()].map(async ({ name, agent }) => {
      try {
        await agent?.renew(configOf(identities, name));
      } catch (error) {
        // It connects by the new certificate the next time that it has to.
        logger.warn({ node: name, reason: messageOf(error) }, 'connect by a new certificate');
      }
    });
    await Promise.all(renewals);
  }

  async #boot(node: HollowNode, signal: AbortSignal): Promise<void> {
    const leave = await this.#booting.enter();
    if (signal.aborted || node.power !== 'on' || node.agent !== undefined) return leave();
    const agent = this.#create(node);
    node.agent = agent;
    this.#options.onBoot(node, agent);
    await agent.run(signal, () => {
      leave();
      this.#options.onReady(node);
    });
    leave();
  }

  #create({ name }: HollowNode): HollowAgent {
    return new HollowAgent({
      ...this.#options,
      nodeName: name,
      config: configOf(this.#identities, name),
      lines: this.#lines,
      peers: this.#peers,
      followsAllPeers: this.#followersOfAll.has(name),
      pingPeriodMs: this.#pace.periodMs,
      connecting: this.#connecting,
    });
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
