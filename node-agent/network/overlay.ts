import type { Clock } from '../../base/clock.ts';
import { messageOf } from '../../base/invariant.ts';
import type { Logger } from '../../base/logger.ts';
import { desiredNetwork, type LocalNode, type Peer, podMtu } from './desired-network.ts';
import type { KernelCommands } from './kernel-commands.ts';
import { readKernelState } from './kernel-state.ts';
import type { NodePods } from './node-pods.ts';
import { planNetwork } from './plan-network.ts';
import { ensureSysctls } from './sysctls.ts';
import { Wake } from './wake.ts';

/** How often the kernel is compared with what it should hold, without any event. */
const resyncMs = 30_000;
const retryMs = 1_000;

export interface OverlayOptions {
  readonly commands: KernelCommands;
  readonly pods: NodePods;
  readonly nodeIp: string;
  readonly serviceCidr: string;
  readonly clusterDns: string;
  readonly stateDir: string;
  /** This node's pod range, undefined as long as it has none, and the other nodes. */
  readonly nodes: () => { readonly podCidr: string | undefined; readonly peers: readonly Peer[] };
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps links, addresses, routes, neighbours and forwarding entries as the Node objects say. */
export class Overlay {
  readonly #options: OverlayOptions;
  readonly #wake = new Wake();
  readonly #ready = Promise.withResolvers<void>();
  #podsStarted = false;

  constructor(options: OverlayOptions) {
    this.#options = options;
  }

  /** Resolves when pods can be attached. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /** To be called when a Node has changed. */
  changed(): void {
    this.#wake.wake();
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      let pauseMs = resyncMs;
      try {
        await this.#reconcile();
      } catch (error) {
        pauseMs = retryMs;
        logger.error({ err: error, reason: messageOf(error) }, 'reconcile the pod network');
      }
      await this.#wake.wait(clock, pauseMs, signal);
    }
  }

  async #reconcile(): Promise<void> {
    const { commands, pods, nodes, nodeIp, serviceCidr, clusterDns, stateDir } = this.#options;
    const { podCidr, peers } = nodes();
    if (podCidr === undefined) return;
    const actual = await readKernelState(commands, nodeIp);
    if (actual.underlay === undefined) throw new Error(`no link has the node's address ${nodeIp}`);
    const local: LocalNode = { nodeIp, podCidr, serviceCidr, clusterDns, underlay: actual.underlay };
    const plan = planNetwork(desiredNetwork(local, peers), actual);
    if (plan.ip.length > 0) await commands.run(['ip', '-batch', '-'], `${plan.ip.join('\n')}\n`);
    if (plan.bridge.length > 0) await commands.run(['bridge', '-batch', '-'], `${plan.bridge.join('\n')}\n`);
    await ensureSysctls(commands, stateDir);
    const range = { podCidr, mtu: podMtu(local) };
    if (this.#podsStarted) return pods.repair(range, actual.allLinks);
    await pods.start(range);
    this.#podsStarted = true;
    this.#ready.resolve();
  }
}
